package contender

import (
	"context"
	"time"
)

// Startup is how long the service took from its exec to its first 200, and what it then keeps in memory.
type Startup struct {
	Took   time.Duration
	Memory int64 // bytes
}

// TimeStart starts the service on a database, and stops it again. It sees to it that what the service does after its first
// answer has been done before its memory is read.
func (s Stage) TimeStart(ctx context.Context, database string) (startup Startup, err error) {
	began := time.Now()
	server, err := s.Start(ctx, database)
	startup.Took = time.Since(began)
	if err != nil {
		return Startup{}, err
	}
	const settled = 300 * time.Millisecond
	select {
	case <-ctx.Done():
		return Startup{}, ctx.Err()
	case <-time.After(settled):
	}
	if startup.Memory, _, err = server.Process.Memory(); err != nil {
		return Startup{}, err
	}
	return startup, server.Process.Stop()
}
