// Clients of this module speak in matrices without importing the module below.
@_exported import struct LinearAlgebra.Matrix
