// Where the weights of a group are: by the names of tensors in a store, or by the nodes of a network.

import LinearAlgebra
import NeuralNetworks
import TensorFiles

extension StreamedWeights {
    /// The weights of a group of tensors.
    init(_ group: StreamedGroup, in store: TensorStore) {
        func parts(_ parts: [StreamedGroup.Part]) -> [Part] {
            parts.compactMap { part in store.tensor(named: part.tensor).map { Part($0, axis: part.axis, map: part.map) } }
        }
        self.init(
            name: group.name, count: group.count, parts: parts(group.producers + group.biases), consumers: parts(group.consumers))
    }

    /// The weights of a group of a network, a batch normalization behind them folded in.
    ///
    /// Those that linear layers and convolutions make stay in their files. The weights of other layers are taken into memory, those of this
    /// group alone.
    /// - Throws: `network` for tensors that are missing or misshapen, `file` for what cannot be read.
    init(_ group: ChannelGroup, in network: Network) throws(PruningError) {
        do throws(NetworkError) {
            let consumers = try group.slices.filter { $0.role == .consumer }.map { (slice) throws(NetworkError) in
                Part(try network.stored(slice.parameter), axis: slice.axis, map: slice.map)
            }
            if let (parts, rows) = try Self.affineParts(group, in: network) {
                self.init(name: group.id, count: group.count, parts: parts, rows: rows, consumers: consumers)
                return
            }
            var loaded = network
            for slice in group.slices where slice.role == .producer {
                do throws(TensorFileError) { loaded.parameters[slice.parameter] = try loaded.parameters[slice.parameter]?.loaded() } catch {
                    throw .tensor(name: slice.parameter, cause: error)
                }
            }
            let incoming = try loaded.incomingMatrix(group)
            let tensor: Tensor
            do throws(TensorFileError) {
                tensor = try Tensor.float32(incoming.elements.map(Float.init), shape: [incoming.columns, incoming.rows])
            } catch {
                throw .tensor(name: group.id, cause: error)
            }
            self.init(
                name: group.id, count: group.count, parts: [Part(StoredTensor(name: group.id, tensor), axis: 0, map: IndexMap())],
                consumers: consumers)
        } catch {
            throw .network(error)
        }
    }

    /// The weights of linear layers and convolutions, and a row of biases for every position of a channel; nil where other layers make
    /// channels.
    private static func affineParts(_ group: ChannelGroup, in network: Network) throws(NetworkError) -> (parts: [Part], rows: [[Double]])? {
        var (parts, rows) = ([Part](), [[Double]]())
        for node in group.producers {
            let bias: String?
            switch network.nodes[node].layer {
            case .linear(let layer): bias = layer.bias
            case .convolution(let layer): bias = layer.bias
            default: return nil
            }
            guard
                let slice = group.slices.first(where: { slice in
                    slice.node == node && slice.role == .producer && slice.parameter == network.nodes[node].layer.parameterNames.first
                })
            else { continue }
            let tensor = try network.stored(slice.parameter)
            var affine: (scale: [Double], shift: [Double])?
            if let next = network.batchNormalization(after: node), case .batchNormalization(let layer) = network.nodes[next].layer {
                affine = try network.affineMap(of: layer, node: network.nodes[next])
            }
            let biases = bias.flatMap { network.parameters[$0]?.values }
            parts.append(Part(tensor, axis: slice.axis, map: slice.map, scales: affine?.scale))
            guard biases != nil || affine != nil else { continue }
            let positions = (0..<group.count).map { slice.map.positions(of: $0) }
            for place in 0..<(positions.first?.count ?? 0) {
                rows.append(
                    positions.map { positions in
                        let row = positions[place]
                        return (affine?.scale[row] ?? 1) * Double(biases?[row] ?? 0) + (affine?.shift[row] ?? 0)
                    })
            }
        }
        return (parts, rows)
    }
}

extension Network {
    /// A parameter as a tensor that stays where it is.
    fileprivate func stored(_ name: String) throws(NetworkError) -> StoredTensor {
        guard let parameter = parameters[name] else { throw .missingTensor(name: name, node: name) }
        if let stored = parameter.stored { return stored }
        do throws(TensorFileError) {
            return StoredTensor(name: name, try Tensor.float32(parameter.values, shape: parameter.shape))
        } catch {
            throw .tensor(name: name, cause: error)
        }
    }
}
