package main

import (
	"fmt"
	"os"
	"time"

	"github.com/mattn/go-isatty"
	"golang.org/x/sys/unix"
)

// progress prints what happens: on a terminal in one line that it rewrites, otherwise in one line each.
type progress struct {
	out      *os.File
	terminal bool
	began    time.Time
}

func newProgress(out *os.File) *progress {
	return &progress{out: out, terminal: isatty.IsTerminal(out.Fd()), began: time.Now()}
}

// step prints the next step.
func (p *progress) step(format string, args ...any) {
	line := p.line(format, args...)
	if p.terminal {
		_, _ = fmt.Fprintf(p.out, "\r\x1b[K%.*s", p.width(), line)
		return
	}
	_, _ = fmt.Fprintln(p.out, line)
}

// note prints a line that stays on the terminal.
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

// width returns the length of the longest line that the terminal can rewrite, that is, that does not wrap.
func (p *progress) width() int {
	size, err := unix.IoctlGetWinsize(int(p.out.Fd()), unix.TIOCGWINSZ)
	if err != nil || size.Col < 2 {
		return 79
	}
	return int(size.Col) - 1
}

// end finishes the line that is rewritten.
func (p *progress) end() {
	if p.terminal {
		_, _ = fmt.Fprintln(p.out)
	}
}
