package telemetry

import (
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// maxQueued bounds the lines that wait for a slow reader: some 2 MB.
	maxQueued = 8192

	// flushLimit bounds the wait for a reader at the end.
	flushLimit = time.Second
)

// Queue is a writer of log lines that never blocks: a goroutine passes the lines on. Lines are dropped while the
// queue is full, and the next line that gets through says how many were. A reader that stopped reading can hold up
// neither a request nor the end of the program.
type Queue struct {
	w       io.Writer
	dropped func(lines int) []byte // the line that tells of lines that were dropped

	mu         sync.Mutex
	filled     *sync.Cond
	text       []byte // of the lines that wait
	lines      int
	unreported int // lines that were dropped since the reader was told
	closed     bool
	ended      chan struct{}

	lost atomic.Int64
}

// NewQueue starts a queue before w. Close ends it.
func NewQueue(w io.Writer, asJSON bool) *Queue {
	q := &Queue{w: w, ended: make(chan struct{}), dropped: lossAsText}
	if asJSON {
		q.dropped = lossAsJSON
	}
	q.filled = sync.NewCond(&q.mu)
	go q.run()
	return q
}

func lossAsText(lines int) []byte {
	return fmt.Appendf(nil, "time=%s level=WARN msg=\"log lines were lost: nobody read them\" lines=%d\n",
		time.Now().Format(time.RFC3339Nano), lines)
}

func lossAsJSON(lines int) []byte {
	return fmt.Appendf(nil, `{"time":%q,"level":"WARN","msg":"log lines were lost: nobody read them","lines":%d}`+"\n",
		time.Now().Format(time.RFC3339Nano), lines)
}

// Write queues a line or drops it. It never fails.
func (q *Queue) Write(line []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.lines >= maxQueued || q.closed {
		q.unreported++
		q.lost.Add(1)
		return len(line), nil
	}
	q.text = append(q.text, line...)
	q.lines++
	q.filled.Signal()
	return len(line), nil
}

// run passes on what is queued, many lines a call, until the queue is closed and empty.
func (q *Queue) run() {
	defer close(q.ended)
	var text []byte
	for more := true; more; {
		var lines int
		if text, lines, more = q.take(text); lines > 0 {
			if _, err := q.w.Write(text); err != nil {
				q.lost.Add(int64(lines)) // the reader is gone, so there is nobody to tell
			}
		}
	}
}

// take waits for lines and returns them as one text, their number, and whether there may be more. The next lines go
// into spare.
func (q *Queue) take(spare []byte) (text []byte, lines int, more bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.lines == 0 && !q.closed {
		q.filled.Wait()
	}
	text, q.text = q.text, spare[:0]
	lines, q.lines = q.lines, 0
	if q.unreported > 0 {
		text = append(text, q.dropped(q.unreported)...)
		lines, q.unreported = lines+1, 0
	}
	return text, lines, !q.closed
}

// Lost returns how many lines nobody got.
func (q *Queue) Lost() int64 { return q.lost.Load() }

// Close passes on what is queued and returns, after a second at the latest if nobody reads.
func (q *Queue) Close() {
	q.mu.Lock()
	q.closed = true
	q.filled.Signal()
	q.mu.Unlock()
	select {
	case <-q.ended:
	case <-time.After(flushLimit):
	}
}
