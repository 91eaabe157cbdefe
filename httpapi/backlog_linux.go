package httpapi

import (
	"net"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// ignoreAttempts makes the kernel ignore attempts to connect to listener. A client repeats its attempt after a second and
// is then refused, which is safe to try elsewhere. It fails for Multipath TCP, which net.Listen uses by default.
func ignoreAttempts(listener *net.TCPListener) error {
	const flags, syn, ack = 13, 0x02, 0x10 // in the header of TCP (RFC 9293, section 3.1)
	program, err := bpf.Assemble([]bpf.Instruction{
		bpf.LoadAbsolute{Off: flags, Size: 1},
		bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: syn | ack},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: syn, SkipFalse: 1},
		bpf.RetConstant{Val: 0},          // drop
		bpf.RetConstant{Val: 0xffffffff}, // accept
	})
	if err != nil {
		return err
	}
	filters := make([]unix.SockFilter, 0, len(program))
	for _, in := range program {
		filters = append(filters, unix.SockFilter{Code: in.Op, Jt: in.Jt, Jf: in.Jf, K: in.K})
	}
	raw, err := listener.SyscallConn()
	if err != nil {
		return err
	}
	controlErr := raw.Control(func(fd uintptr) {
		err = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
			&unix.SockFprog{Len: uint16(len(filters)), Filter: &filters[0]}) //nolint:gosec // five
	})
	if controlErr != nil {
		return controlErr
	}
	return err
}
