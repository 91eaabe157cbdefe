package soak

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestJudge(t *testing.T) {
	const length, step = time.Hour, 10 * time.Second
	noise := rand.New(rand.NewPCG(1, 2))
	minutes := func(at time.Duration) float64 { return at.Minutes() }
	for name, test := range map[string]struct {
		rule  Rule
		value func(at time.Duration) float64
		grew  bool
	}{
		"a constant does not grow":                    {memory, func(time.Duration) float64 { return 40 }, false},
		"noise does not grow":                         {memory, func(time.Duration) float64 { return 40 + 12*noise.NormFloat64() }, false},
		"the saw of a garbage collector does not":     {memory, func(at time.Duration) float64 { return 30 + math.Mod(minutes(at)*7, 25) }, false},
		"warming up in the first third does not":      {memory, func(at time.Duration) float64 { return 80 * (1 - math.Exp(-minutes(at)/5)) }, false},
		"a disturbance of some minutes does not":      {memory, func(at time.Duration) float64 { return 40 + spike(minutes(at), 200) }, false},
		"a leak of 1 MB a minute is found":            {memory, func(at time.Duration) float64 { return 40 + minutes(at) }, true},
		"a leak under noise is found":                 {memory, func(at time.Duration) float64 { return 40 + minutes(at) + 5*noise.NormFloat64() }, true},
		"a leak that began late is found":             {memory, func(at time.Duration) float64 { return 40 + max(0, minutes(at)-30) }, true},
		"a goroutine a minute is found":               {goroutines, func(at time.Duration) float64 { return math.Floor(50 + minutes(at)) }, true},
		"goroutines that come and go are not growth":  {goroutines, func(time.Duration) float64 { return 50 + 30*noise.Float64() }, false},
		"a descriptor a minute is found":              {descriptors, func(at time.Duration) float64 { return math.Floor(60 + minutes(at)) }, true},
		"a log that is cut now and then is not":       {walSQLite, func(at time.Duration) float64 { return math.Mod(minutes(at)*10, 62) }, false},
		"a log that nothing cuts is found":            {walSQLite, func(at time.Duration) float64 { return minutes(at) * 5 }, true},
		"requests that become slower are found":       {latency, func(at time.Duration) float64 { return 4 + minutes(at)*minutes(at)/50 }, true},
		"requests that are slow at times are not":     {latency, func(time.Duration) float64 { return 4 * math.Exp(noise.NormFloat64()) }, false},
		"what was not there in the run does not grow": {latency, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := Series{Name: "the service"}
			for at := time.Duration(0); at < length && test.value != nil; at += step {
				s.Points = append(s.Points, Point{at, test.value(at)})
			}
			f := test.rule.Judge(s, length)
			require.Equal(t, test.grew, f.Grew, f)
		})
	}
}

// spike returns a height from the minutes 45 to 50, and otherwise 0.
func spike(minute, height float64) float64 {
	if minute < 45 || minute > 50 {
		return 0
	}
	return height
}

func TestMedian(t *testing.T) {
	require.Zero(t, median(nil))
	require.InDelta(t, 2, median([]float64{9, 1, 2}), 0)
	require.InDelta(t, 1.5, median([]float64{2, 1}), 0)
}
