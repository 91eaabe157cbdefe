package worker

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// journal keeps what jobs do, in order.
type journal[T any] struct {
	mu      sync.Mutex
	entries []T
}

func (j *journal[T]) add(entry T) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.entries = append(j.entries, entry)
}

// all returns the entries once every job waits for the time.
func (j *journal[T]) all() []T {
	synctest.Wait()
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.entries)
}

// run starts one job and stops it at the end of the test. The log may be read once the job was stopped or is waiting.
func run(t *testing.T, job Job) (log *bytes.Buffer, ran *journal[Ran]) {
	log, ran = &bytes.Buffer{}, &journal[Ran]{}
	t.Cleanup(Start(slog.New(slog.NewTextHandler(log, nil)), ran.add, []Job{job}))
	return log, ran
}

// starts returns a job whose pieces are do, and the moments at which they started, counted from now.
func starts(do func(piece int) (more bool, err error)) (job Job, at *journal[time.Duration]) {
	begin, piece := time.Now(), 0
	at = &journal[time.Duration]{}
	return Job{Name: "sweep", Every: time.Minute, Do: func(context.Context) (bool, error) {
		at.add(time.Since(begin))
		piece++
		return do(piece)
	}}, at
}

// requirePause fails unless the pause before a piece is d ± 20 %.
func requirePause(t *testing.T, at []time.Duration, piece int, d time.Duration) {
	t.Helper()
	require.InDelta(t, d, at[piece]-at[piece-1], float64(d/5), "before piece %d", piece)
}

func TestTheFirstRunComesSoonAndTheOthersEachAfterTheInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		job, at := starts(func(int) (bool, error) { return false, nil })
		run(t, job)
		time.Sleep(time.Hour)
		require.Less(t, at.all()[0], maxStartDelay)
		require.Greater(t, len(at.all()), 49)
		for piece := range len(at.all()) - 1 {
			requirePause(t, at.all(), piece+1, time.Minute)
		}
	})
}

func TestReplicasDoNotRunInStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const replicas = 10
		moments := map[time.Duration]bool{}
		var all []*journal[time.Duration]
		for range replicas {
			job, at := starts(func(int) (bool, error) { return false, nil })
			run(t, job)
			all = append(all, at)
		}
		time.Sleep(10 * time.Minute)
		runs := 0
		for _, at := range all {
			for _, moment := range at.all() {
				moments[moment] = true
				runs++
			}
		}
		require.Len(t, moments, runs, "two of them ran at the same nanosecond")
	})
}

func TestAJobWithAShortIntervalStartsWithinIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		job, at := starts(func(int) (bool, error) { return false, nil })
		job.Every = time.Millisecond
		run(t, job)
		time.Sleep(time.Millisecond)
		require.NotEmpty(t, at.all())
	})
}

func TestAJobThatHasMoreGoesOnAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		job, at := starts(func(piece int) (bool, error) { return piece < 1000, nil })
		run(t, job)
		time.Sleep(maxStartDelay)
		require.Len(t, at.all(), 1000)
		require.Equal(t, at.all()[0], at.all()[999])
		time.Sleep(time.Minute + time.Minute/5)
		requirePause(t, at.all(), 1000, time.Minute)
	})
}

func TestAFailedJob(t *testing.T) {
	failure := errors.New("no disk")
	t.Run("is tried again sooner at first, and after its interval in the end", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			job, at := starts(func(int) (bool, error) { return true, failure })
			run(t, job)
			time.Sleep(10 * time.Minute)
			for i, seconds := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
				requirePause(t, at.all(), i+1, seconds*time.Second)
			}
		})
	})
	t.Run("is never tried again later than after a short interval", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			job, at := starts(func(int) (bool, error) { return false, failure })
			job.Every = 100 * time.Millisecond
			run(t, job)
			time.Sleep(time.Second)
			for piece := range len(at.all()) - 1 {
				requirePause(t, at.all(), piece+1, job.Every)
			}
		})
	})
	t.Run("is logged once in a row, and when it works again", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			job, at := starts(func(piece int) (bool, error) {
				if piece%4 == 0 {
					return false, nil
				}
				return false, failure
			})
			log, _ := run(t, job)
			for len(at.all()) < 8 {
				time.Sleep(time.Second)
			}
			lines := strings.Split(strings.TrimSpace(log.String()), "\n")
			require.Len(t, lines, 4, log)
			for i, want := range []string{
				`level=ERROR msg="job failed" job=sweep error="no disk"`, `level=INFO msg="job works again" job=sweep failures=3`,
				`level=ERROR msg="job failed" job=sweep error="no disk"`, `level=INFO msg="job works again" job=sweep failures=3`,
			} {
				require.Contains(t, lines[i], want)
			}
		})
	})
	t.Run("starts with the shortest pause again after a success", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			job, at := starts(func(piece int) (bool, error) {
				if piece == 5 {
					return false, nil
				}
				return false, failure
			})
			run(t, job)
			time.Sleep(10 * time.Minute)
			requirePause(t, at.all(), 4, 8*time.Second)
			requirePause(t, at.all(), 5, time.Minute)
			requirePause(t, at.all(), 6, time.Second)
		})
	})
}

func TestAPanicIsAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		job, at := starts(func(piece int) (bool, error) {
			switch piece {
			case 1:
				return false, errors.New("no disk")
			case 2, 3:
				panic("a bug")
			}
			return false, nil
		})
		log, ran := run(t, job)
		time.Sleep(maxStartDelay + 10*time.Second)
		require.Len(t, at.all(), 4, "the job ended")
		require.EqualError(t, ran.all()[1].Err, "panic: a bug")
		lines := strings.Split(strings.TrimSpace(log.String()), "\n")
		require.Len(t, lines, 3, log)
		require.Contains(t, lines[0], `msg="job failed" job=sweep error="no disk"`)
		require.Contains(t, lines[1], `msg="job panicked" job=sweep error="panic: a bug" stack=`)
		require.Contains(t, lines[1], "worker_test.go", "the stack is not the job's")
		require.Contains(t, lines[2], `msg="job works again" job=sweep failures=3`)
	})
}

func TestAFailureDoesNotTouchOtherJobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		good, at := starts(func(int) (bool, error) { return false, nil })
		bad, _ := starts(func(int) (bool, error) { panic("a bug") })
		hung, _ := starts(nil)
		hung.Do = func(ctx context.Context) (bool, error) { <-ctx.Done(); return false, ctx.Err() }
		t.Cleanup(Start(slog.New(slog.DiscardHandler), nil, []Job{bad, hung, good}))
		time.Sleep(time.Hour)
		require.Greater(t, len(at.all()), 49)
	})
}

func TestEachPieceIsObserved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failure := errors.New("no disk")
		job, _ := starts(func(piece int) (bool, error) {
			if piece < 3 {
				time.Sleep(3 * time.Second)
			}
			return piece == 1, map[int]error{2: failure}[piece]
		})
		_, ran := run(t, job)
		time.Sleep(maxStartDelay + 6*time.Second)
		require.Equal(t, []Ran{{"sweep", 3 * time.Second, nil}, {"sweep", 3 * time.Second, failure}}, ran.all()[:2])
	})
}

func TestStop(t *testing.T) {
	t.Run("interrupts pauses and starts nothing more", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			job, at := starts(func(int) (bool, error) { return false, nil })
			stop := Start(slog.New(slog.DiscardHandler), nil, []Job{job})
			time.Sleep(maxStartDelay)
			before := time.Now()
			stop()
			require.Equal(t, before, time.Now())
			time.Sleep(time.Hour)
			require.Len(t, at.all(), 1)
		})
	})
	t.Run("ends a job that always has more", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			job, at := starts(func(int) (bool, error) { time.Sleep(time.Second); return true, nil })
			stop := Start(slog.New(slog.DiscardHandler), nil, []Job{job})
			time.Sleep(time.Minute)
			stop()
			require.GreaterOrEqual(t, len(at.all()), 50)
		})
	})
	t.Run("waits for the piece that is running", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var done atomic.Bool
			job := Job{Name: "slow", Every: time.Minute, Do: func(ctx context.Context) (bool, error) {
				<-ctx.Done()
				time.Sleep(5 * time.Second) // as a statement that cannot be cancelled
				done.Store(true)
				return true, nil
			}}
			stop := Start(slog.New(slog.DiscardHandler), nil, []Job{job})
			time.Sleep(maxStartDelay)
			stop()
			require.True(t, done.Load())
		})
	})
	t.Run("does not call an interrupted piece a failure", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var log bytes.Buffer
			job := Job{Name: "slow", Every: time.Minute, Do: func(ctx context.Context) (bool, error) {
				<-ctx.Done()
				return false, errors.New("interrupted")
			}}
			stop := Start(slog.New(slog.NewTextHandler(&log, nil)), func(r Ran) { t.Errorf("observed %v", r) }, []Job{job})
			time.Sleep(maxStartDelay)
			stop()
			require.Empty(t, log.String())
		})
	})
	t.Run("leaves jobs behind that ignore it, and names them", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var log bytes.Buffer
			release := make(chan struct{})
			hung := func(context.Context) (bool, error) { <-release; return false, nil }
			stop := Start(slog.New(slog.NewTextHandler(&log, nil)), nil, []Job{
				{"first", time.Minute, hung},
				{"second", time.Minute, hung},
				{"good", time.Minute, func(context.Context) (bool, error) { return false, nil }},
			})
			time.Sleep(maxStartDelay)
			before := time.Now()
			stop()
			require.Equal(t, stopTimeout, time.Since(before), "for all jobs together")
			require.Contains(t, log.String(), `level=ERROR msg="job does not stop" job=first after=10s`)
			require.Contains(t, log.String(), `level=ERROR msg="job does not stop" job=second after=10s`)
			require.NotContains(t, log.String(), "good")
			close(release)
			stop() // a second time
		})
	})
}

func TestAJobThatIsWiredWrongPanicsAtOnce(t *testing.T) {
	do := func(context.Context) (bool, error) { return false, nil }
	for name, job := range map[string]Job{
		"no Do": {Name: "x", Every: time.Second}, "no Every": {Name: "x", Do: do}, "a negative Every": {Name: "x", Every: -1, Do: do},
	} {
		t.Run(name, func(t *testing.T) {
			require.Panics(t, func() { Start(slog.New(slog.DiscardHandler), nil, []Job{job}) })
		})
	}
}

func TestWithoutJobsThereIsNothingToStop(*testing.T) {
	Start(slog.New(slog.DiscardHandler), nil, nil)()
}
