package soak

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"userorder/bench/process"
)

// Process is a process of the service.
type Process struct {
	Name         string // in the picture
	Address, Ops string
	Process      *process.Process
}

// Database is a database, the processes that serve it, and the receiver of their webhook.
type Database struct {
	Name      string
	Processes []Process
	Receiver  *Receiver
	WAL       Rule // for its write-ahead log

	// Sizes returns the present sizes, and Events the number of events of orders, which takes longer.
	Sizes  func(ctx context.Context) (Sizes, error)
	Events func(ctx context.Context) (int, error)
}

// Sizes are those of a database.
type Sizes struct {
	WAL, Data int64 // bytes
	Sessions  int64 // rows
}

// The quantities that are sampled and not judged.
const (
	clientConnections = "connections of clients"
	cores             = "CPU"
	stored            = "data"
)

// samples collects quantities over time. A single goroutine uses it.
type samples struct {
	began  time.Time
	series map[string][]*Series // by quantity
	cpu    map[string]time.Duration
	cpuAt  time.Time
	failed float64 // runs of jobs
}

func (s *samples) add(quantity, name string, at time.Duration, value float64) {
	for _, series := range s.series[quantity] {
		if series.Name == name {
			series.Points = append(series.Points, Point{at, value})
			return
		}
	}
	s.series[quantity] = append(s.series[quantity], &Series{Name: name, Points: []Point{{at, value}}})
}

const megabyte = 1 << 20

// take samples all processes and databases. Connections returns how many connections clients have to an address: each has a
// goroutine and a descriptor, and how many there are is up to the clients.
func (s *samples) take(ctx context.Context, databases []Database, connections func(address string) int) error {
	at := time.Since(s.began)
	elapsed := time.Since(s.cpuAt)
	s.cpuAt, s.failed = time.Now(), 0
	for _, d := range databases {
		sizes, err := d.Sizes(ctx)
		if err != nil {
			return err
		}
		s.add(walSQLite.Quantity, d.Name, at, float64(sizes.WAL)/megabyte)
		s.add(stored, d.Name, at, float64(sizes.Data)/megabyte)
		s.add(sessions.Quantity, d.Name, at, float64(sizes.Sessions))
		for i, p := range d.Processes {
			metrics, err := s.process(ctx, p, at, elapsed, float64(connections(p.Address)))
			if err != nil {
				return err
			}
			if i == 0 { // the others count the same events
				s.add(waiting.Quantity, d.Name, at, metrics["userorder_webhook_events_waiting"])
			}
		}
	}
	return nil
}

// process samples a process with a number of connections of clients, and returns its metrics.
func (s *samples) process(ctx context.Context, p Process, at, elapsed time.Duration, clients float64) (map[string]float64, error) {
	if err := p.Process.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", p.Name, err)
	}
	used, err := p.Process.Memory()
	if err != nil {
		return nil, err
	}
	open, err := p.Process.Descriptors()
	if err != nil {
		return nil, err
	}
	metrics, err := scrape(ctx, p.Ops)
	if err != nil {
		return nil, fmt.Errorf("metrics of %s: %w", p.Name, err)
	}
	cpu := process.CPU(p.Process)
	if before, known := s.cpu[p.Name]; known {
		s.add(cores, p.Name, at, 100*float64(cpu-before)/float64(elapsed))
	}
	s.cpu[p.Name] = cpu
	s.add(memory.Quantity, p.Name, at, float64(used.Private)/megabyte)
	s.add(descriptors.Quantity, p.Name, at, max(0, float64(open)-clients))
	s.add(goroutines.Quantity, p.Name, at, max(0, metrics["go_goroutines"]-clients))
	s.add(clientConnections, p.Name, at, clients)
	s.add(ended.Quantity, p.Name, at, metrics["userorder_sessions_ended"])
	s.failed += metrics["userorder_job_failures_total"]
	return metrics, nil
}

// scrape returns the metrics of a process by their names, those with labels added up.
func scrape(ctx context.Context, address string) (metrics map[string]float64, err error) {
	const limit = 10 * time.Second
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	return parseMetrics(response.Body)
}

// parseMetrics reads the text format of Prometheus, without time stamps.
func parseMetrics(r io.Reader) (map[string]float64, error) {
	metrics := map[string]float64{}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		line := lines.Text()
		space := strings.LastIndexByte(line, ' ')
		if strings.HasPrefix(line, "#") || space < 0 {
			continue
		}
		value, err := strconv.ParseFloat(line[space+1:], 64)
		if err != nil {
			return nil, fmt.Errorf("malformed metric: %s", line)
		}
		name, _, _ := strings.Cut(line[:space], "{")
		metrics[name] += value
	}
	return metrics, lines.Err()
}

// all returns the series of a quantity.
func (s *samples) all(quantity string) []Series {
	var all []Series
	for _, series := range s.series[quantity] {
		all = append(all, *series)
	}
	return slices.Clip(all)
}
