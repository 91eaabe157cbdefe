package limits

import (
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/argon2"
)

// Hash hashes passwords with argon2id at the service's cost, as many at once as workers says.
func Hash(workers int, limit time.Duration) Count {
	const passes, memory, threads, length = 2, 19456, 1, 32
	began := time.Now()
	var done atomic.Int64
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for time.Since(began) < limit {
				argon2.IDKey([]byte("password1"), make([]byte, 16), passes, memory, threads, length)
				done.Add(1)
			}
		})
	}
	group.Wait()
	return Count{Done: int(done.Load()), Elapsed: time.Since(began)}
}
