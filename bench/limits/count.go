package limits

import (
	"time"

	"golang.org/x/sys/unix"
)

// Count is the number of operations done, and the time and CPU time that they took.
type Count struct {
	Done    int           `json:"done"`
	Elapsed time.Duration `json:"elapsed"`
	CPU     time.Duration `json:"cpu"`
}

// Rate returns the operations per second.
func (c Count) Rate() float64 { return float64(c.Done) / c.Elapsed.Seconds() }

// spent returns the CPU time of this process.
func spent() time.Duration {
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
