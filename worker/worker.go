// Package worker runs jobs in the background. It owns when a job runs, what follows an error or a panic, and how jobs stop.
// It must not know what a job does: it imports the standard library alone.
package worker

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"time"
)

const (
	// maxStartDelay spreads the first runs of replicas that start together.
	maxStartDelay = 10 * time.Second

	// minRetryDelay is the pause after a first failure. It doubles with each further one, up to the job's Every.
	minRetryDelay = time.Second

	// stopTimeout is longer than the database package takes to give up a statement.
	stopTimeout = 10 * time.Second
)

// Job is work that is repeated in the background. Its pieces never overlap within a process, but every replica runs all
// jobs: Do must claim what it works on, or be harmless when it runs twice.
type Job struct {
	Name  string        // for logs and metrics
	Every time.Duration // from the end of a run to the start of the next, ± 20 %; at least a millisecond

	// Do does one piece of work, of bounded size. It returns more if there may be another piece, which then follows at
	// once. It must return soon after ctx ends.
	Do func(ctx context.Context) (more bool, err error)
}

// Ran describes one piece of work that a job has done.
type Ran struct {
	Job  string
	Took time.Duration
	Err  error // nil for a success
}

// Start runs each job in a goroutine of its own and returns at once. The first run comes after a random delay of at most
// 10 seconds, or Every if that is shorter.
//
// A job that fails or panics is tried again after a second, then two, four and so on up to Every, each ± 20 %. Log gets
// the first failure in a row, the stack of the first panic in a row, and the recovery. Observe gets every piece, except
// one that fails because of stop; it may be nil, and must be safe for concurrent use.
//
// Stop cancels the contexts of all jobs and waits for the pieces that are running, for 10 seconds at most; jobs that
// ignore their context longer than that are logged and left behind. No piece starts once stop has returned. Stop may be
// called more than once.
//
// Start panics if a job has no Do or an Every below a millisecond, which is a wiring bug.
func Start(log *slog.Logger, observe func(Ran), jobs []Job) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	loops := make([]*loop, len(jobs))
	for i, job := range jobs {
		if job.Do == nil || job.Every < time.Millisecond {
			panic(fmt.Sprintf("worker: the job %q has no Do or an Every below a millisecond", job.Name))
		}
		loops[i] = &loop{Job: job, log: log.With("job", job.Name), observe: observe, ended: make(chan struct{})}
	}
	for _, l := range loops {
		go l.run(ctx)
	}
	return func() {
		cancel()
		grace, done := context.WithTimeout(context.Background(), stopTimeout)
		defer done()
		for _, l := range loops {
			l.wait(grace)
		}
	}
}

// loop is a job that runs.
type loop struct {
	Job
	log     *slog.Logger
	observe func(Ran)
	ended   chan struct{}

	failures, panics int // in a row
}

// run runs the job until ctx ends.
func (l *loop) run(ctx context.Context) {
	defer close(l.ended)
	pause := rand.N(min(l.Every, maxStartDelay))
	for sleep(ctx, pause) {
		pause = l.next(ctx)
	}
}

// next runs one piece and returns the pause before the following one.
func (l *loop) next(ctx context.Context) time.Duration {
	start := time.Now()
	more, err := l.try(ctx)
	took := time.Since(start)
	_, panicked := err.(*panicError) //nolint:errorlint // try does not wrap it
	if err != nil && !panicked && ctx.Err() != nil {
		return 0 // stop interrupted it
	}
	if l.observe != nil {
		l.observe(Ran{Job: l.Name, Took: took, Err: err})
	}
	l.report(err)
	switch {
	case err != nil:
		return jitter(l.retryDelay())
	case more:
		return 0
	}
	return jitter(l.Every)
}

// try runs one piece and returns a panic as an error.
func (l *loop) try(ctx context.Context) (more bool, err error) {
	defer func() {
		if value := recover(); value != nil {
			more, err = false, &panicError{value: value, stack: debug.Stack()}
		}
	}()
	return l.Do(ctx)
}

// report counts and logs what has changed.
func (l *loop) report(err error) {
	p, panicked := err.(*panicError) //nolint:errorlint // try does not wrap it
	switch {
	case err == nil && l.failures > 0:
		l.log.Info("job works again", "failures", l.failures)
	case panicked && l.panics == 0:
		l.log.Error("job panicked", "error", err, "stack", string(p.stack))
	case err != nil && l.failures == 0:
		l.log.Error("job failed", "error", err)
	}
	if err == nil {
		l.failures, l.panics = 0, 0
		return
	}
	l.failures++
	if panicked {
		l.panics++
	}
}

// retryDelay returns the pause after the failures so far.
func (l *loop) retryDelay() time.Duration {
	delay := min(minRetryDelay, l.Every)
	for n := 1; n < l.failures && delay < l.Every; n++ {
		delay = min(2*delay, l.Every)
	}
	return delay
}

// wait waits until the job has ended, or ctx.
func (l *loop) wait(ctx context.Context) {
	select {
	case <-l.ended:
		return
	case <-ctx.Done():
	}
	select {
	case <-l.ended: // both have
	default:
		l.log.Error("job does not stop", "after", stopTimeout)
	}
}

// panicError is the error of a piece that panicked.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }

// jitter returns a duration within 20 % of d.
func jitter(d time.Duration) time.Duration {
	return d - d/5 + rand.N(2*d/5+1)
}

// sleep waits for d and reports whether ctx still holds.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}
