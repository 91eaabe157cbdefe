package telemetry

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAReaderThatStopsReadingBlocksNobodyAndIsToldWhatItMissed(t *testing.T) {
	for _, asJSON := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			reader, w := io.Pipe() // holds nothing by itself
			queue := NewQueue(w, asJSON)
			log := NewLogger(LogConfig{JSON: asJSON}, queue)
			log.Info("line 0")
			synctest.Wait() // the goroutine is stuck with it
			for i := range maxQueued + 100 {
				log.Info(fmt.Sprintf("line %d", i+1))
			}
			require.EqualValues(t, 100, queue.Lost())
			var text strings.Builder
			read := make(chan struct{})
			go func() {
				defer close(read)
				_, _ = io.Copy(&text, reader)
			}()
			synctest.Wait()
			log.Info("afterwards")
			queue.Close()
			require.NoError(t, w.Close())
			<-read
			lines := strings.Split(strings.TrimSpace(text.String()), "\n")
			require.Len(t, lines, 1+maxQueued+2)
			loss := lines[1+maxQueued]
			require.Contains(t, loss, "log lines were lost: nobody read them")
			if asJSON {
				var record struct {
					Time  time.Time
					Lines int
				}
				require.NoError(t, json.Unmarshal([]byte(loss), &record))
				require.Equal(t, 100, record.Lines)
			} else {
				require.Contains(t, loss, " lines=100")
			}
			require.Contains(t, lines[2+maxQueued], "afterwards")
		})
	}
}

func TestAReaderThatNeverReadsDelaysTheEndByASecondAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reader, w := io.Pipe()
		queue := NewQueue(w, false)
		_, _ = queue.Write([]byte("line\n"))
		began := time.Now()
		queue.Close()
		require.Equal(t, time.Second, time.Since(began))
		require.NoError(t, reader.Close()) // lets the goroutine go
		synctest.Wait()
		require.EqualValues(t, 1, queue.Lost())
	})
}

func TestAReaderThatHasGoneIsNoFault(t *testing.T) {
	reader, w := io.Pipe()
	require.NoError(t, reader.Close())
	queue := NewQueue(w, false)
	log := slog.New(slog.NewTextHandler(queue, nil))
	log.Info("nobody")
	queue.Close()
	require.EqualValues(t, 1, queue.Lost())
}
