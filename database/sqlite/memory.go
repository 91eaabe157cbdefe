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

// functionPointer returns the C pointer to a function that is declared, and no closure: the translated code takes it as
// the address of Go's description of the function (https://golang.org/s/go11func), which never moves.
func functionPointer[F any](function F) uintptr {
	return *(*uintptr)(unsafe.Pointer(&struct{ f F }{function})) //nolint:gosec // see above
}
