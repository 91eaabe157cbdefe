package httpapi

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestATimestampIsWrittenAsTheTimePackageWritesIt(t *testing.T) {
	for range 1000 {
		stamp := TimestampOf(rand.Int64N(253_402_300_800_000*2) - 253_402_300_800_000/2) // beyond the years 0 and 9999
		require.Equal(t, stamp.UTC().Format("2006-01-02T15:04:05.000Z"), string(stamp.Append(nil)))
	}
	elsewhere := Timestamp{time.Date(2026, 1, 2, 3, 4, 5, 600_999_999, time.FixedZone("", 3600))}
	require.Equal(t, "2026-01-02T02:04:05.600Z", string(elsewhere.Append(nil)))
}
