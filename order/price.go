package order

import (
	"bytes"
	"strconv"
	"strings"

	"userorder/httpapi"
)

// Price is an amount of money in hundredths. It is never a float: 0.1 + 0.2 must be 0.3.
type Price int64

// maxDigits is how many digits the highest price has, 9999999999.99.
const maxDigits = 12

var textPrice = httpapi.Text{
	ZH: "须为 0 到 9999999999.99 的数字，最多两位小数",
	EN: "must be a number from 0 to 9999999999.99 with at most two decimals",
}

// UnmarshalJSON takes a JSON number by its exact value, however it is written: 100, 100.00 and 1e2 are the
// same price. It relies on encoding/json for the grammar.
func (p *Price) UnmarshalJSON(text []byte) error {
	negative := text[0] == '-'
	if negative {
		text = text[1:]
	}
	if text[0] < '0' || text[0] > '9' {
		return textPrice
	}
	digits, exponent := significant(text)
	if len(digits) == 0 {
		*p = 0 // -0, too
		return nil
	}
	// The value is digits × 10^exponent hundredths, and digits neither begins nor ends with a zero.
	if negative || exponent < 0 || len(digits)+exponent > maxDigits {
		return textPrice
	}
	price, err := strconv.ParseInt(string(digits)+strings.Repeat("0", exponent), 10, 64)
	if err != nil {
		return textPrice
	}
	*p = Price(price)
	return nil
}

// significant takes a JSON number without its sign apart: its value in hundredths is digits × 10^exponent.
func significant(text []byte) (digits []byte, exponent int) {
	mantissa := text
	if e := bytes.IndexAny(text, "eE"); e >= 0 {
		mantissa = text[:e]
		exponent = clamp(string(text[e+1:]))
	}
	whole, fraction, _ := bytes.Cut(mantissa, []byte("."))
	digits = append(append(make([]byte, 0, len(mantissa)), whole...), fraction...)
	exponent += 2 - len(fraction)
	digits = bytes.TrimLeft(digits, "0")
	significant := bytes.TrimRight(digits, "0")
	return significant, exponent + len(digits) - len(significant)
}

// clamp reads an exponent. One beyond what a body can outweigh with digits becomes one that is beyond it
// still, but that can be added to.
func clamp(text string) int {
	const beyond = 1 << 30
	exponent, err := strconv.ParseInt(text, 10, 32)
	switch {
	case err == nil && -beyond < exponent && exponent < beyond:
		return int(exponent)
	case text[0] == '-':
		return -beyond
	}
	return beyond
}

// appendJSON writes a JSON number with one decimal, or two where the second is not zero.
func (p Price) appendJSON(dst []byte) []byte {
	dst = strconv.AppendInt(dst, int64(p/100), 10)
	dst = append(dst, '.', byte('0'+p/10%10))
	if cent := p % 10; cent != 0 {
		dst = append(dst, byte('0'+cent))
	}
	return dst
}
