package limits

import (
	"time"

	"golang.org/x/sys/unix"
)

// Count is what was done in a time, and the time on a core that it took.
type Count struct {
	Done    int           `json:"done"`
	Elapsed time.Duration `json:"elapsed"`
	CPU     time.Duration `json:"cpu"`
}

// Rate is how much was done in a second.
func (c Count) Rate() float64 { return float64(c.Done) / c.Elapsed.Seconds() }

// spent is the time that this process has had on a core.
func spent() time.Duration {
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
