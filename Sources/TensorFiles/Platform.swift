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

/// What the operating system is asked for.
package enum Platform {
    /// The operating system's message for an errno.
    static func message(_ code: Int32) -> String {
        strerror(code).map { String(cString: $0) } ?? "error \(code)"
    }

    /// Physical memory in bytes: no file may claim more.
    ///
    /// Swift ends the process when an allocation fails, so a size that a hostile or sparse file merely declares must be refused before it is allocated.
    package static let physicalMemory: Int = {
        let pages = sysconf(Int32(_SC_PHYS_PAGES)), size = sysconf(Int32(_SC_PAGESIZE))
        return pages > 0 && size > 0 ? Int(pages).multipliedReportingOverflow(by: Int(size)).partialValue : 1 << 33
    }()

    static func checkMemory(_ byteCount: Int) throws(TensorFileError) {
        if byteCount > physicalMemory { throw .tooLarge(bytes: byteCount, limit: physicalMemory) }
    }

    /// Asks for large pages under a large buffer that is about to be filled for the first time.
    ///
    /// Most of the time of reading a cached file into fresh memory goes into page faults, one per 4 KiB; with 2 MiB pages they disappear.
    static func preferLargePages(_ buffer: UnsafeMutableRawBufferPointer) {
        #if os(Linux)
            guard buffer.count >= 8 << 20, let base = buffer.baseAddress else { return }
            let page = 4096
            let start = (UInt(bitPattern: base) + UInt(page) - 1) / UInt(page) * UInt(page)
            let end = (UInt(bitPattern: base) + UInt(buffer.count)) / UInt(page) * UInt(page)
            if end > start, let address = UnsafeMutableRawPointer(bitPattern: start) { madvise(address, Int(end - start), MADV_HUGEPAGE) }
        #endif
    }
}
