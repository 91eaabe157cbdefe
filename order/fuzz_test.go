package order

import (
	"encoding/json"
	"fmt"
	"math/big"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"userorder/database/databasetest"
)

// FuzzPrice compares price with an independent implementation of decimal numbers.
func FuzzPrice(f *testing.F) {
	for _, literal := range []string{
		"0", "-0", "-0.000", "0e999999999999999999999", "0e-999999999999999999999", "100", "100.0", "100.00", "1e2",
		"1E+2", "0.1e3", "10000e-2", "1.500", "0.01", "1e-2", "19.99", "9999999999.99", "9999999999.990",
		"999999999999e-2", "1" + strings.Repeat("0", 600) + "e-598", "0." + strings.Repeat("0", 600) + "1e600",
		"-1", "-0.01", "0.001", "1e-3", "1.00000000000000000001", "99.999", "0.019999999999999999", "10000000000",
		"9999999999.991", "1e10", "1e400", "1e-400", "1e999999999999999999999", "1e-999999999999999999999",
		"9223372036854775807", "92233720368547758.08", "18446744073709551616", "1e2147483648", "1e-2147483649",
		`"100"`, `""`, "true", "null", "{}", "[1]", "01", "+1", ".5", "1.", "1e", "0x1", "1_0", "NaN", " 1 ", "1 2", "",
	} {
		f.Add(literal)
	}
	f.Fuzz(func(t *testing.T, literal string) {
		if len(literal) > 4000 {
			t.Skip("long enough to outweigh an exponent that isPrice takes for out of range")
		}
		exact, valid := isPrice(literal)
		var p price
		err := json.Unmarshal([]byte(literal), &p)
		if !valid {
			require.Error(t, err)
			if json.Valid([]byte(literal)) {
				require.ErrorIs(t, err, textPrice)
			}
			return
		}
		require.NoError(t, err)
		require.True(t, 0 <= p && p <= 999_999_999_999, "%d", p)
		require.Equal(t, exact.Shift(2).String(), fmt.Sprint(int64(p)))
		written := p.appendJSON(nil)
		require.True(t, decimal.RequireFromString(string(written)).Equal(exact), "written as %s", written)
		var again price
		require.NoError(t, json.Unmarshal(written, &again))
		require.Equal(t, p, again)
	})
}

// number is the grammar of RFC 8259, section 6, with the white space that is allowed around a value.
var number = regexp.MustCompile(`\A[ \t\r\n]*(-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?)(?:[eE]([+-]?[0-9]+))?[ \t\r\n]*\z`)

// isPrice returns the exact value of a literal of at most 4000 bytes, and whether that is a valid price.
func isPrice(literal string) (exact decimal.Decimal, valid bool) {
	match := number.FindStringSubmatch(literal)
	if match == nil {
		return exact, false
	}
	mantissa := decimal.RequireFromString(match[1])
	exponent, _ := new(big.Int).SetString("0"+strings.TrimLeft(match[2], "+-"), 10)
	if strings.HasPrefix(match[2], "-") {
		exponent.Neg(exponent)
	}
	if exponent.CmpAbs(big.NewInt(5000)) > 0 { // decimal would write zeros for hours
		return decimal.Zero, mantissa.IsZero()
	}
	exact = mantissa.Shift(int32(exponent.Int64()))
	limit := decimal.RequireFromString("9999999999.99")
	return exact, !exact.IsNegative() && exact.LessThanOrEqual(limit) && exact.Equal(exact.Truncate(2))
}

const (
	invalidID = `{"code":400,"msg":"订单编号须为正整数","data":{}}`
	noRoute   = `{"code":404,"msg":"接口不存在","data":{}}`
)

// FuzzOrderID requests orders by any text in the path, from a database without orders.
func FuzzOrderID(f *testing.F) {
	for _, segment := range []string{
		"1", "42", "9223372036854775807", "9223372036854775808", "99999999999999999999999", "0", "-0", "-1", "+1", "01", "1.0",
		"1e0", "x", "0x1", "1_0", "", "/", "1/", "/1", "1/2", ".", "..", "../1", "%31", "%2F", "1%2F", "%20", "1%20", "1 ",
		" 1", "%00", "1\x00", "%0d%0a", "1\r\n", "%ff", "\xff", "%", "%zz", "%25", "%D9%A1", "٣", "1'--", "1;", "1?x=1", "?",
		"1#x", "*", ":orderid", "1 OR 1=1", strings.Repeat("1", 5000),
	} {
		f.Add(segment)
	}
	alone := alone(f, databasetest.Open(f, databasetest.SQLite(f)))
	f.Fuzz(func(t *testing.T, segment string) {
		c := client{t, alone.engine, alone.module}
		for route, method := range map[string]string{"/order/query/": "GET", "/order/cancel/": "DELETE"} {
			for _, target := range []string{route + segment, route + url.PathEscape(segment)} {
				u, err := url.ParseRequestURI(target)
				if err != nil || strings.ContainsFunc(target, isBlank) {
					continue // net/http refuses it
				}
				want, status := wantOf(strings.TrimPrefix(u.Path, route))
				w := c.as(7, method+" "+target, "")
				require.Equal(t, status, w.Code, target)
				require.Equal(t, want+"\n", w.Body.String(), target)
			}
		}
	})
}

var positive = regexp.MustCompile(`\A[1-9][0-9]{0,18}\z`)

func isBlank(r rune) bool { return r <= ' ' || r == 0x7f }

// wantOf returns the response for an order that does not exist, given the unescaped id of the path.
func wantOf(id string) (body string, status int) {
	n, _ := new(big.Int).SetString(id, 10)
	switch {
	case strings.Contains(id, "/"):
		return noRoute, 404
	case positive.MatchString(id) && n.IsInt64():
		return notFound, 200
	}
	return invalidID, 400
}
