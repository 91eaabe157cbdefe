package order

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
)

func TestPrice(t *testing.T) {
	for literal, want := range map[string]string{
		"0": "0.0", "-0": "0.0", "-0.000": "0.0", "0e999999999999999999999": "0.0", "0e-999999999999999999999": "0.0",
		"100": "100.0", "100.0": "100.0", "100.00": "100.0", "1e2": "100.0", "1E+2": "100.0", "0.1e3": "100.0",
		"10000e-2": "100.0", "1.500": "1.5", "0.01": "0.01", "1e-2": "0.01", "0.10": "0.1", "19.99": "19.99",
		"9999999999.99": "9999999999.99", "9999999999.990": "9999999999.99", "999999999999e-2": "9999999999.99",
		"0.1": "0.1", "0.3": "0.3", "1" + strings.Repeat("0", 60000) + "e-59998": "100.0",
		"0." + strings.Repeat("0", 60000) + "1e60000": "0.1", "1e9": "1000000000.0", "5e-1": "0.5",
	} {
		var p price
		require.NoError(t, json.Unmarshal([]byte(literal), &p), literal)
		written := p.appendJSON(nil)
		require.Equal(t, want, string(written), literal)
		var again price
		require.NoError(t, json.Unmarshal(written, &again))
		require.Equal(t, p, again)
	}
	for _, literal := range []string{
		"-1", "-0.01", "0.001", "1e-3", "1.00000000000000000001", "99.999", "0.019999999999999999",
		"10000000000", "9999999999.991", "1e10", "1e400", "1e-400", "1e999999999999999999999", "1e-999999999999999999999",
		"9223372036854775807", "92233720368547758.08", "18446744073709551616", "1" + strings.Repeat("0", 60000),
		`"100"`, `""`, "true", "{}", "[1]",
	} {
		var p price
		require.ErrorIs(t, json.Unmarshal([]byte(literal), &p), textPrice, literal)
	}
}

// TestPriceAgainstDecimal compares price with an independent implementation of decimal numbers.
func TestPriceAgainstDecimal(t *testing.T) {
	t.Parallel()
	limit := decimal.RequireFromString("9999999999.99")
	random := rand.New(rand.NewPCG(1, 2))
	accepted := 0
	const literals = 200_000
	for range literals {
		literal := randomLiteral(random)
		exact, err := decimal.NewFromString(literal)
		require.NoError(t, err, literal)
		valid := !exact.IsNegative() && exact.LessThanOrEqual(limit) && exact.Equal(exact.Truncate(2))

		var p price
		err = json.Unmarshal([]byte(literal), &p)
		require.Equal(t, valid, err == nil, literal)
		if !valid {
			continue
		}
		accepted++
		require.Equal(t, exact.Shift(2).IntPart(), int64(p), literal)
		written := p.appendJSON(nil)
		require.True(t, decimal.RequireFromString(string(written)).Equal(exact), "%s was written as %s", literal, written)
	}
	require.Greater(t, accepted, literals/10, "too few literals are valid prices to prove anything")
}

// randomLiteral returns a JSON number, often one near the bounds of a price.
func randomLiteral(random *rand.Rand) string {
	var b strings.Builder
	if random.IntN(10) == 0 {
		b.WriteByte('-')
	}
	digits := func(most int) {
		for range 1 + random.IntN(most) {
			b.WriteByte("00001234567999"[random.IntN(14)])
		}
	}
	switch random.IntN(4) {
	case 0:
		b.WriteByte('0')
	case 1:
		fmt.Fprint(&b, 9_999_999_990+random.IntN(20))
	default:
		b.WriteByte(byte('1' + random.IntN(9)))
		if random.IntN(2) == 0 {
			digits(11)
		}
	}
	if random.IntN(3) > 0 {
		b.WriteByte('.')
		digits(4)
	}
	if random.IntN(3) == 0 {
		b.WriteString([]string{"e", "E", "e+", "E-", "e-"}[random.IntN(5)])
		fmt.Fprint(&b, random.IntN(14))
	}
	return b.String()
}

func BenchmarkPrice(b *testing.B) {
	var p price
	literal := []byte("1234.5")
	b.ReportAllocs()
	for b.Loop() {
		if err := p.UnmarshalJSON(literal); err != nil {
			b.Fatal(err)
		}
	}
}
