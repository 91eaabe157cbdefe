package main

import (
	"fmt"
	"os"
	"time"

	"github.com/mattn/go-isatty"
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
	line := fmt.Sprintf("%4.0fs  %s", time.Since(p.began).Seconds(), fmt.Sprintf(format, args...))
	if p.terminal {
		_, _ = fmt.Fprintf(p.out, "\r\x1b[K%s", line)
		return
	}
	_, _ = fmt.Fprintln(p.out, line)
}

// note says what is to stay on the screen.
func (p *progress) note(format string, args ...any) {
	p.step(format, args...)
	p.end()
}

// end leaves the line that is written anew.
func (p *progress) end() {
	if p.terminal {
		_, _ = fmt.Fprintln(p.out)
	}
}
