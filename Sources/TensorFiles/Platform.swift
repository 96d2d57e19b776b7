#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

#if !_endian(little)
#error("TensorFiles reads and writes little-endian data in place; a big-endian host needs byte swaps")
#endif

/// The operating system's message for an errno.
func systemMessage(_ code: Int32) -> String {
    strerror(code).map { String(cString: $0) } ?? "error \(code)"
}

/// Physical memory in bytes: no single tensor may claim more.
///
/// Swift ends the process when an allocation fails, so a size that a hostile or sparse file merely declares must be refused before it is allocated.
let physicalMemory: Int = {
    let pages = sysconf(Int32(_SC_PHYS_PAGES)), size = sysconf(Int32(_SC_PAGESIZE))
    return pages > 0 && size > 0 ? Int(pages).multipliedReportingOverflow(by: Int(size)).partialValue : 1 << 33
}()

func checkMemory(_ byteCount: Int) throws(TensorFileError) {
    if byteCount > physicalMemory { throw .tooLarge(bytes: byteCount, limit: physicalMemory) }
}
