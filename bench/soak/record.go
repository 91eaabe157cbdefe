package soak

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"

	"userorder/bench/load"
)

// The classes of requests whose times are in the picture. A request that is refused before it reaches a database is none.
const (
	reads  = "reads"
	writes = "writes"
	hashes = "passwords" // requests that hash one
	other  = ""
)

// record collects the times of responses, and what was wrong with them. It is safe for concurrent use.
type record struct {
	began time.Time
	bin   time.Duration
	last  int // number of the last bin

	mu      sync.Mutex
	number  int                        // of the bin that is filled
	filling map[string][]time.Duration // by class
	bins    map[string][]percentiles   // by class
	kinds   map[string]*kind           // by name
	busy    int                        // 503s that were repeated
	limited int                        // 429s
	wrong   int
	faults  []string // the first ones
}

// percentiles are those of one class in one bin, in milliseconds.
type percentiles struct {
	At       time.Duration // the middle of the bin
	P50, P99 float64
}

// kind counts requests of one kind.
type kind struct {
	Name  string
	Count int

	slowest time.Duration
	buckets [500]int // of times, each 5 % longer than the one before, from 10 µs on
}

func newRecord(p Plan) *record {
	return &record{
		began: time.Now(), bin: p.bin(), last: max(0, int(p.Time/p.bin())-1), filling: map[string][]time.Duration{}, bins: map[string][]percentiles{}, kinds: map[string]*kind{},
	}
}

// took records the time of a response.
func (r *record) took(class, name string, d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if number := min(int(time.Since(r.began)/r.bin), r.last); number != r.number {
		r.close()
		r.number = number
	}
	if class != other {
		r.filling[class] = append(r.filling[class], d)
	}
	k := r.kinds[name]
	if k == nil {
		k = &kind{Name: name}
		r.kinds[name] = k
	}
	k.add(d)
}

// close puts the percentiles of the bin that was filled into bins. The caller holds mu.
func (r *record) close() {
	for class, times := range r.filling {
		if len(times) == 0 {
			continue
		}
		slices.Sort(times)
		r.bins[class] = append(r.bins[class], percentiles{
			At: time.Duration(r.number)*r.bin + r.bin/2, P50: milliseconds(load.Percentile(times, 500)), P99: milliseconds(load.Percentile(times, 990)),
		})
		r.filling[class] = times[:0]
	}
}

// fault records a response that was not as expected.
func (r *record) fault(text string) {
	const kept = 20
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.wrong++; len(r.faults) < kept {
		r.faults = append(r.faults, text)
	}
}

func (r *record) countBusy() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.busy++
}

func (r *record) countLimited() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.limited++
}

func (r *record) countWrong() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.wrong
}

// sorted returns the kinds, the most frequent first.
func (r *record) sorted() []*kind {
	return slices.SortedFunc(maps.Values(r.kinds), func(a, b *kind) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Name, b.Name))
	})
}

const (
	shortest = 10 * time.Microsecond
	ratio    = 1.05
)

func (k *kind) add(took time.Duration) {
	k.Count++
	k.slowest = max(k.slowest, took)
	bucket := 0
	for limit := float64(shortest); float64(took) > limit && bucket < len(k.buckets)-1; limit *= ratio {
		bucket++
	}
	k.buckets[bucket]++
}

// percentile returns a percentile in milliseconds, up to 5 % too high.
func (k *kind) percentile(thousandths int) float64 {
	rank, seen, limit := max(1, (k.Count*thousandths+999)/1000), 0, float64(shortest)
	for _, count := range k.buckets {
		if seen += count; seen >= rank {
			break
		}
		limit *= ratio
	}
	return min(milliseconds(time.Duration(limit)), milliseconds(k.slowest))
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
