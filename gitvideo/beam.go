package gitvideo

import "videoqa/internal/nn/decode"

// beamRule is that of the original (GenerativeImage2Text, decoder.py and model.py):
// per_node_beam_size, length_penalty, and max_steps - 1, which its stop rule assumes.
var beamRule = decode.BeamRule{CandidatesPerBeam: 2, LengthPower: 0.6, Longest: 1023}
