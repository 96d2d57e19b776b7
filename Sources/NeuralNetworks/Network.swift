// A network as a value: a directed acyclic graph of layers and the table of its trained tensors.

/// A trained network: nodes in topological order, values between them, and named parameters.
///
/// A value type; surgery returns a new network. `Network` knows nothing of files: importers build it, exporters write the
/// parameters it names back into the archive or model they came from.
public struct Network: Sendable {
    /// Index into `values`.
    public typealias ValueID = Int

    /// One application of a layer.
    public struct Node: Sendable, Equatable {
        /// Unique name, the file's where it has one (`layer1.0.conv1`).
        public var name: String
        /// What it computes.
        public var layer: Layer
        /// The values it reads, in the order the layer expects.
        public var inputs: [ValueID]
        /// The values it makes.
        public var outputs: [ValueID]

        /// A node over values by their indices.
        public init(name: String, layer: Layer, inputs: [ValueID], outputs: [ValueID]) {
            self.name = name
            self.layer = layer
            self.inputs = inputs
            self.outputs = outputs
        }
    }

    /// An activation that flows between nodes.
    public struct Value: Sendable, Equatable {
        /// The file's name for it; may be empty.
        public var name: String
        /// Shape without the batch axis; `nil` when unknown.
        public var shape: [Int]?

        /// A value of known or unknown shape.
        public init(name: String, shape: [Int]? = nil) {
            self.name = name
            self.shape = shape
        }
    }

    /// In topological order: makers before readers.
    public var nodes: [Node]
    /// What flows between the nodes.
    public var values: [Value]
    /// The values that a caller gives, in order.
    public var inputs: [ValueID]
    /// The values that a caller gets, in order.
    public var outputs: [ValueID]
    /// Trained tensors by name.
    public var parameters: [String: Parameter]
    /// Grids of parameters that the file stores as integers, by name.
    public var quantizations: [String: Quantization] = [:]
    /// Parameters that follow from the sizes of the inputs (positions, masks), by name: no part of what tells networks apart.
    public var derivedParameters: Set<String> = []
    /// Parameters whose values a changed file could not hold (those of branches), by name: they stay what they are.
    public var fixedParameters: Set<String> = []
    /// Parameters whose numbers the file holds under another name already, by their name, with that name: an embedding's table that the head
    /// reads transposed. They count once as long as they are the same.
    public var copies: [String: String] = [:]
    /// Whether the file the network came from stores attributes of layers (padding, slices, groups, split sizes), so that
    /// surgery may change them. False for files that hold weights only: the program that loads those fixes all attributes.
    public var storesAttributes: Bool

    /// A network of these parts. Nothing is checked here; see ``validateGraph()`` and ``inferringShapes(inputShapes:)``.
    public init(
        nodes: [Node], values: [Value], inputs: [ValueID], outputs: [ValueID], parameters: [String: Parameter],
        storesAttributes: Bool = true
    ) {
        self.storesAttributes = storesAttributes
        self.nodes = nodes
        self.values = values
        self.inputs = inputs
        self.outputs = outputs
        self.parameters = parameters
    }
}
