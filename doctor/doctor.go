// Package doctor runs checks one after the other and shows what they find. It knows no check: each is a function. A check
// that panics or hangs becomes a fault of its own. It imports no other package of this module.
package doctor

import (
	"context"
	"fmt"
	"runtime"
	"time"
)

// State says how bad a finding is.
type State int

// The states, as numbers: the exit status of a command is its worst state.
const (
	OK State = iota
	Warning
	Fault
)

// String returns ok, warning or fault.
func (s State) String() string { return [...]string{"ok", "warning", "fault"}[s] }

// MarshalText returns what String does.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Finding is one line of a report. Found and Remedy must hold no secret; Remedy is empty if all is well.
type Finding struct {
	Check  string `json:"check"` // set by Run
	State  State  `json:"state"`
	Found  string `json:"found"`
	Remedy string `json:"remedy"`
}

// Well returns a finding with nothing to do.
func Well(format string, args ...any) Finding { return Finding{Found: fmt.Sprintf(format, args...)} }

// Warn returns a warning: the service works, and may not for long or not for everybody.
func Warn(remedy, format string, args ...any) Finding {
	return Finding{State: Warning, Found: fmt.Sprintf(format, args...), Remedy: remedy}
}

// Fail returns a fault: the service does not start, loses something or is open to others.
func Fail(remedy, format string, args ...any) Finding {
	return Finding{State: Fault, Found: fmt.Sprintf(format, args...), Remedy: remedy}
}

// Check is one check. Its Run must heed its context, which ends after the time that the function Run allows, and may find
// several things, or nothing if the check does not apply.
type Check struct {
	Name string
	Run  func(ctx context.Context) []Finding
}

// grace is how much longer than its context a check may take.
const grace = time.Second

// Run runs the checks in their order, each for at most a limit and a second, and calls report with each finding. It returns
// early if ctx ends. A check that hangs goes on in the background.
func Run(ctx context.Context, limit time.Duration, checks []Check, report func(Finding)) error {
	for _, check := range checks {
		for _, f := range runOne(ctx, limit, check) {
			if err := ctx.Err(); err != nil {
				return err
			}
			f.Check = check.Name
			report(f)
		}
	}
	return ctx.Err()
}

func runOne(ctx context.Context, limit time.Duration, check Check) []Finding {
	bounded, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	found := make(chan []Finding, 1)
	go func() {
		defer func() {
			if reason := recover(); reason != nil {
				found <- []Finding{Fail("report it as a bug of this program, with this line", "the check broke off: %s", describe(reason))}
			}
		}()
		found <- check.Run(bounded)
	}()
	over := time.NewTimer(limit + grace)
	defer over.Stop()
	select {
	case findings := <-found:
		return findings
	case <-ctx.Done():
		return nil
	case <-over.C:
		return []Finding{Fail("find out what this machine or the network waits for, and run it again", "the check has not ended after %s", limit+grace)}
	}
}

// describe returns what a panic was about. The text of anything but a runtime error might hold a secret.
func describe(reason any) string {
	if err, ok := reason.(runtime.Error); ok {
		return err.Error()
	}
	return fmt.Sprintf("panic with a %T", reason)
}
