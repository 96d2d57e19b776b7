// Basis exchange: pushing non-basic weights to zero along null vectors, one row of T = L₂L₁⁻¹ after the other.
//
// Row t says a_j = Σ tᵢ·aᵢ, so lowering the weight x of j by s raises the basic weights by s·t. Either x reaches 0
// first, or a basic weight does; then j takes its place, and every later row r becomes r + rᵢ·z with z = −t/tᵢ,
// zᵢ = 1/tᵢ − 1. The opposite direction, raising x, is as good, and the one with the larger pivot |tᵢ| is taken.

#include "vectors.h"

#define NONE 0x1p1023
#include "element.h"
#include "exchange.h"

#undef NONE
#define NONE 0x1p127f
#define CK_SINGLE
#include "element.h"
#include "exchange.h"
