package limits

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

const page = 4 << 10

// Flush writes pages to a new file until limit has passed, and flushes each to the disk with fdatasync(2) before the next.
// It overwrites pages that were written before, as a reused log does, or appends, so that each flush also writes the new
// size of the file. It removes the file.
func Flush(path string, appending bool, limit time.Duration) (count Count, err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return Count{}, err
	}
	defer func() { err = errors.Join(err, file.Close(), os.Remove(path)) }()
	const pages = 1 << 12
	buffer := make([]byte, page)
	for n := range pages {
		if appending {
			break
		}
		if _, err := file.WriteAt(buffer, int64(n)*page); err != nil {
			return Count{}, err
		}
	}
	if err := file.Sync(); err != nil {
		return Count{}, err
	}
	began, before := time.Now(), spent()
	for count.Elapsed < limit {
		at := count.Done
		if !appending {
			at %= pages
		}
		buffer[0]++
		if _, err := file.WriteAt(buffer, int64(at)*page); err != nil {
			return Count{}, err
		}
		if err := unix.Fdatasync(int(file.Fd())); err != nil {
			return Count{}, fmt.Errorf("fdatasync: %w", err)
		}
		count.Done++
		count.Elapsed = time.Since(began)
	}
	count.CPU = spent() - before
	return count, nil
}
