package sqlite

import "unsafe"

// pointerSize is the size of a C pointer, in bytes.
const pointerSize = int(unsafe.Sizeof(uintptr(0)))

// pointerAt reads a pointer that SQLite has written to an address outside of Go's heap.
func pointerAt(address uintptr) uintptr {
	return **(**uintptr)(unsafe.Pointer(&address)) //nolint:gosec // see above
}

// memory returns the bytes at an address outside of Go's heap, without copying them.
func memory(address uintptr, length int) []byte {
	if length == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(*(*unsafe.Pointer)(unsafe.Pointer(&address))), length) //nolint:gosec // see above
}
