package limits

import (
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/argon2"
)

// Hash hashes passwords with argon2id and the parameters of the service on a number of goroutines until limit has passed.
// Before, it warms up for a quarter of limit, since a new process is slower.
func Hash(workers int, limit time.Duration) Count {
	hashAll(workers, limit/4)
	began, before := time.Now(), spent()
	done := hashAll(workers, limit)
	return Count{Done: done, Elapsed: time.Since(began), CPU: spent() - before}
}

// hashAll returns the number of hashes; each worker does at least one.
func hashAll(workers int, limit time.Duration) int {
	const passes, memory, threads, length = 2, 19456, 1, 32
	began := time.Now()
	var done atomic.Int64
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for first := true; first || time.Since(began) < limit; first = false {
				argon2.IDKey([]byte("password1"), make([]byte, 16), passes, memory, threads, length)
				done.Add(1)
			}
		})
	}
	group.Wait()
	return int(done.Load())
}
