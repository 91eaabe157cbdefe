package contender

import (
	"context"
	"time"

	"userorder/bench/process"
)

// Startup is the time from exec of the service to its first response with status 200, and its memory when idle.
type Startup struct {
	Took   time.Duration
	Memory process.Memory
}

// TimeStart starts the service on a database, measures, and stops it. It reads the memory only after the service has
// settled.
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
	if startup.Memory, err = server.Process.Memory(); err != nil {
		return Startup{}, err
	}
	return startup, server.Process.Stop()
}
