//go:build unix

package e2e

import (
	"bufio"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// startPiped starts the program with stdout and stderr as one pipe, as 2>&1 | does, and returns the reading end once the
// program listens.
func startPiped(t *testing.T, settings ...string) (p *program, log *os.File, base string) {
	t.Helper()
	binary, err := build()
	require.NoError(t, err)
	log, w, err := os.Pipe()
	require.NoError(t, err)
	t.Cleanup(func() { _ = log.Close() })
	command := exec.Command(binary)
	command.Stdout, command.Stderr = w, w
	p = launch(t, t.TempDir(), command, settings...)
	require.NoError(t, w.Close())
	require.NoError(t, log.SetReadDeadline(time.Now().Add(30*time.Second)))
	lines := bufio.NewScanner(log)
	for base == "" {
		require.True(t, lines.Scan(), "the program does not listen")
		if found := listening.FindStringSubmatch(lines.Text()); found != nil {
			base = "http://127.0.0.1:" + found[1]
		}
	}
	return p, log, base
}

// flood sends count requests, each of which has a line in the log, and requires a response to each within seconds.
func flood(t *testing.T, base string, count int) {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 16}
	defer transport.CloseIdleConnections() // a connection without a request delays a stop by a second
	client := &http.Client{Transport: transport}
	var sent, slow, failed atomic.Int64
	var clients sync.WaitGroup
	for range 16 {
		clients.Go(func() {
			for sent.Add(1) <= int64(count) {
				began := time.Now()
				if sendBy(client, "GET", base+"/user/info", "", "").status != 401 {
					failed.Add(1)
				}
				if time.Since(began) > 5*time.Second {
					slow.Add(1)
				}
			}
		})
	}
	clients.Wait()
	require.Zero(t, failed.Load(), "requests without a response")
	require.Zero(t, slow.Load(), "requests that waited for the log")
}

// stopsWithin ends the program with a signal and requires status 0 within a time.
func (p *program) stopsWithin(t *testing.T, limit time.Duration, signal os.Signal) {
	t.Helper()
	began := time.Now()
	require.NoError(t, p.Process.Signal(signal))
	require.Equal(t, 0, p.exit(t))
	require.Less(t, time.Since(began), limit)
}

func TestAReaderOfTheLogThatGoesAwayEndsNothing(t *testing.T) {
	t.Parallel()
	for _, signal := range []os.Signal{syscall.SIGTERM, syscall.SIGHUP} {
		p, log, base := startPiped(t)
		require.NoError(t, log.Close())
		flood(t, base, 200)
		token := login(t, base)
		require.True(t, create(base, token, "without a log").ok())
		p.stopsWithin(t, 5*time.Second, signal)
	}
}

// aLot is more lines than the pipe (64 KiB), the write in progress and the queue (8,192 lines) hold together.
const aLot = 20_000

func TestAReaderOfTheLogThatStopsReadingBlocksNeitherARequestNorTheStop(t *testing.T) {
	t.Parallel()
	p, _, base := startPiped(t)
	flood(t, base, aLot)
	token := login(t, base)
	require.True(t, create(base, token, "with a log that nobody reads").ok())
	p.stopsWithin(t, 5*time.Second, syscall.SIGTERM)
}

func TestAReaderOfTheLogThatReadsAgainIsToldHowMuchItMissed(t *testing.T) {
	t.Parallel()
	p, log, base := startPiped(t)
	flood(t, base, aLot)
	text := make(chan string)
	go func() {
		all, _ := io.ReadAll(log)
		text <- string(all)
	}()
	p.stopsWithin(t, 5*time.Second, syscall.SIGTERM)
	read := <-text
	lost := 0
	for _, said := range regexp.MustCompile(`level=WARN msg="log lines were lost: nobody read them" lines=(\d+)\n`).FindAllStringSubmatch(read, -1) {
		lines, err := strconv.Atoi(said[1])
		require.NoError(t, err)
		lost += lines
	}
	require.Positive(t, lost, "nothing was lost")
	lines := aLot
	for _, line := range []string{"msg=stopping ", "msg=stopped "} {
		if !strings.Contains(read, line) { // it was lost as well
			lines++
		}
	}
	require.Equal(t, lines, lost+strings.Count(read, " path=/user/info "), "each line is there or is counted as lost")
}
