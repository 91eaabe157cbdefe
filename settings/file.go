package settings

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// The bounds of a file that a setting names: it may be a pipe that nobody writes to, or a device that never ends.
const (
	maxFile     = 64 << 10
	fileTimeout = 5 * time.Second
)

// readFile returns the content of a file, which may be a pipe, as <(pass show secret) is. Its error continues a
// sentence that begins "NAME_FILE names a file that".
func readFile(ctx context.Context, path string) (text []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, fileTimeout)
	defer cancel()
	done := make(chan struct{})
	var content []byte
	var failure error
	go func() { // which never ends if a pipe has no writer: nothing can interrupt the opening
		defer close(done)
		content, failure = readStart(path)
	}()
	select {
	case <-ctx.Done():
		return nil, fmt.Errorf("has not been read after %s: %s may be a pipe without a writer", fileTimeout, path)
	case <-done:
	}
	switch {
	case failure != nil:
		return nil, fmt.Errorf("cannot be read: %w", failure)
	case len(content) > maxFile:
		return nil, fmt.Errorf("is longer than %d KiB: %s", maxFile>>10, path)
	case isUTF16(content):
		return nil, fmt.Errorf("is in UTF-16, as PowerShell's > writes: save it in UTF-8: %s", path)
	case trim(string(content)) == "":
		return nil, fmt.Errorf("is empty: %s", path)
	}
	return content, nil
}

// readStart returns the content of a file up to the first byte that is too much.
func readStart(path string) (text []byte, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	text, err = io.ReadAll(io.LimitReader(file, maxFile+1))
	return text, errors.Join(err, file.Close())
}

// isUTF16 reports whether text is in UTF-16, where every second byte of what a setting may be is 0. A secret of random
// bytes has far fewer zeros.
func isUTF16(text []byte) bool { return len(text) > 0 && 4*bytes.Count(text, []byte{0}) >= len(text) }
