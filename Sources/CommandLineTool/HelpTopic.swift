// `loewner help TOPIC`: what belongs to no verb alone.

import NeuralNetworks

/// A text beside the verbs' own.
enum HelpTopic: String, CaseIterable {
    case network

    var text: String {
        switch self {
        case .network:
            """
            OVERVIEW: Where the topology of a network comes from (--network).

            .onnx files hold it. Files of weights alone (.safetensors, .npz, a PyTorch state
            dictionary) do not; it is, in this order:

              1. what --network says: an architecture by name, or a description file;
              2. a chain of linear layers, <prefix>1.weight, <prefix>2.weight, …, with ReLU;
              3. the first architecture below that uses every tensor of the file and misses
                 none. A note says which one was taken.

            ARCHITECTURES
            \(Self.listed(KnownArchitecture.names))

            A name gives the topology alone, all widths come from the tensors: a pruned file
            is read under the same name.

            DESCRIPTION FILES
            `loewner inspect MODEL --describe net.json` writes one for a model of the layers
            below with one input and one output, whatever its format; for instance

            \(Self.example)

            Layers read the one before them, or those named in "from" ("input" is the input).
            Tensors are called as the layer is: NAME.weight, NAME.bias (where there is one),
            NAME.running_mean, NAME.running_var; "tensors" gives another NAME, and "weight"
            and "bias" of linear layers and convolutions name them one by one. Every type
            takes name, from and activation. Sizes are a number, or one per spatial axis;
            paddings also one per side.

              linear
              convolution            stride 1, padding 0, dilation 1, groups 1, depthwise
                                     false (as many groups as channels)
              convolution-transpose  stride 1, padding 0, output-padding 0, dilation 1,
                                     groups 1
              batch-norm             epsilon 1e-5
              layer-norm, rms-norm   axis -1, epsilon 1e-5
              group-norm             groups, epsilon 1e-5
              instance-norm          epsilon 1e-5
              max-pool               size, stride (= size), padding 0, ceil false
              average-pool           the same, and counts-padding true
              global-average-pool    keeps-axes false
              add, multiply          from: two or more
              concatenate            from, axis 1
              flatten                axis 1
              reshape                shape: of all axes, the batch's first; -1 is the rest
              transpose              axes
              slice                  start, end, step: lists with a number for every axis
              pad                    before, after: likewise; value 0
              mean                   axes, keeps-axes false
              attention              from: queries, keys, values; heads, scale
              embedding              the input holds numbers of rows
              tensor                 a tensor as a value; "tensors" is its name
              activation             function
              softmax                axis -1
              dropout                nothing at inference

            ACTIVATIONS
            \(Self.listed(Activation.names))
            With a constant: {"function": "leaky-relu", "slope": 0.1}, {"function": "elu",
            "alpha": 1}, {"function": "clipped-relu", "maximum": 6}.
            """
        }
    }

    /// What `inspect --describe` writes for LeNet-5 (a test sees to that).
    static let example = """
        {
          "input": [1, 28, 28],
          "layers": [
            {"type": "convolution", "name": "conv1"},
            {"type": "activation", "name": "conv1.relu", "function": "relu"},
            {"type": "max-pool", "name": "conv1.pool", "size": 2},
            {"type": "convolution", "name": "conv2"},
            {"type": "activation", "name": "conv2.relu", "function": "relu"},
            {"type": "max-pool", "name": "conv2.pool", "size": 2},
            {"type": "flatten", "name": "flatten"},
            {"type": "linear", "name": "fc1"},
            {"type": "activation", "name": "fc1.relu", "function": "relu"},
            {"type": "linear", "name": "fc2"},
            {"type": "activation", "name": "fc2.relu", "function": "relu"},
            {"type": "linear", "name": "fc3"}
          ]
        }
        """

    /// Words in lines of at most 78 characters, behind two spaces.
    private static func listed(_ words: [String]) -> String {
        var lines = [""]
        for (index, word) in words.enumerated() {
            let text = word + (index < words.count - 1 ? "," : "")
            if lines[lines.count - 1].count + text.count + 1 > 76 { lines.append("") }
            lines[lines.count - 1] += (lines[lines.count - 1].isEmpty ? "  " : " ") + text
        }
        return lines.joined(separator: "\n")
    }
}
