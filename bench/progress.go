package main

import (
	"fmt"
	"os"
	"time"

	"github.com/mattn/go-isatty"
	"golang.org/x/sys/unix"
)

// progress says what happens: on a terminal in one line that is written anew, else in a line each time.
type progress struct {
	out      *os.File
	terminal bool
	began    time.Time
}

func newProgress(out *os.File) *progress {
	return &progress{out: out, terminal: isatty.IsTerminal(out.Fd()), began: time.Now()}
}

// step says what is done next.
func (p *progress) step(format string, args ...any) {
	line := p.line(format, args...)
	if p.terminal {
		_, _ = fmt.Fprintf(p.out, "\r\x1b[K%.*s", p.width(), line)
		return
	}
	_, _ = fmt.Fprintln(p.out, line)
}

// note says what is to stay on the screen.
func (p *progress) note(format string, args ...any) {
	start := ""
	if p.terminal {
		start = "\r\x1b[K"
	}
	_, _ = fmt.Fprintln(p.out, start+p.line(format, args...))
}

func (p *progress) line(format string, args ...any) string {
	return fmt.Sprintf("%4.0fs  %s", time.Since(p.began).Seconds(), fmt.Sprintf(format, args...))
}

// width is how much of a line can be written anew: what wraps cannot.
func (p *progress) width() int {
	size, err := unix.IoctlGetWinsize(int(p.out.Fd()), unix.TIOCGWINSZ)
	if err != nil || size.Col < 2 {
		return 79
	}
	return int(size.Col) - 1
}

// end leaves the line that is written anew.
func (p *progress) end() {
	if p.terminal {
		_, _ = fmt.Fprintln(p.out)
	}
}
