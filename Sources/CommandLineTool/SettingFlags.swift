// The one place that knows which flag sets which field.

import Pruning

/// Flags of the settings that the libraries name in messages.
enum SettingFlags {
    /// The flag that sets a field; the field's own name where there is none.
    static let naming: Setting.Naming = { setting in
        switch setting {
        case .keep: "--keep"
        case .neurons: "--neurons"
        case .parameters: "--params"
        case .multiplyAdds: "--macs"
        case .layerRatios: "--layer"
        case .excludedNames: "--exclude"
        case .leastChannels: "--min-channels"
        case .cutsResidualStreams: "--residual-streams"
        case .roundTo: "--round-to"
        case .points: "--points"
        case .rank: "--rank"
        case .selection: "--select"
        case .reweighting: "--reweight"
        case .inputModel: "--input-model"
        case .inputShape: "--input-shape"
        case .inputShift: "--mean"
        case .inputScale: "--std"
        case .inputMean: "--input-mean"
        case .inputDeviation: "--input-std"
        case .inputCorrelation: "--input-correlation"
        case .ridge: "--ridge"
        case .refitsClassifier: "--regression"
        case .sampleCount: "--samples"
        case .effort: "--effort"
        case .memory: "--memory"
        case .seed: "--seed"
        case .calibration: "--calibration"
        case .learningSteps: "--steps"
        case .learningWork: "--effort"
        case .learningRate: "--rate"
        case .construction, .learningBatch: setting.rawValue
        }
    }

    /// A result, or its error in words that name flags.
    static func naming<Result>(_ body: () throws(PruningError) -> Result) throws(CommandFailure) -> Result {
        do { return try body() } catch { throw .failure(error.message(naming: naming)) }
    }
}
