import ConvexGeometry
import LinearAlgebra

// The vertices of the square [−1, 1]²: the smallest ellipse around them is the circle of radius √2.
let square = Matrix(columns: [[-1, -1], [-1, 1], [1, -1], [1, 1]])
let fit = try MinimumVolumeEllipsoid(points: square)
let radii = fit.ellipsoid.semiaxes
print("semiaxes \(radii), gap \(fit.certificate.gap)")
guard fit.status == .solved, radii.count == 2, radii.allSatisfy({ ($0 - 2.0.squareRoot()).magnitude < 1e-6 }) else {
    fatalError("expected the circle of radius √2, found \(radii)")
}
