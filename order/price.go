package order

import (
	"bytes"
	"strconv"
	"strings"

	"userorder/httpapi"
)

// price is an amount of money in hundredths, never a float: 0.1 + 0.2 must be 0.3.
type price int64

// maxDigits is the number of digits of the highest price, 9999999999.99.
const maxDigits = 12

var textPrice = httpapi.Text{
	ZH: "须为 0 到 9999999999.99 的数字，最多两位小数",
	EN: "must be a number from 0 to 9999999999.99 with at most two decimals",
}

// UnmarshalJSON accepts a JSON number by its exact value, in any notation: 100, 100.00 and 1e2 are the same price. It
// relies on encoding/json for the grammar.
func (p *price) UnmarshalJSON(text []byte) error {
	negative := text[0] == '-'
	if negative {
		text = text[1:]
	}
	if text[0] < '0' || text[0] > '9' {
		return textPrice
	}
	digits, exponent := significant(make([]byte, 0, 32), text) // on the stack unless the number is longer
	if len(digits) == 0 {
		*p = 0 // for -0, too
		return nil
	}
	// digits neither begins nor ends with a zero, so the length of the amount is that of digits plus exponent.
	if negative || exponent < 0 || len(digits)+exponent > maxDigits {
		return textPrice
	}
	hundredths, err := strconv.ParseInt(string(digits)+strings.Repeat("0", exponent), 10, 64)
	if err != nil {
		return textPrice
	}
	*p = price(hundredths)
	return nil
}

// significant splits an unsigned JSON number: its value in hundredths is digits × 10^exponent, and digits neither begins
// nor ends with a zero. It appends to dst, which is empty.
func significant(dst, text []byte) (digits []byte, exponent int) {
	mantissa := text
	if e := bytes.IndexAny(text, "eE"); e >= 0 {
		mantissa = text[:e]
		exponent = clamp(string(text[e+1:]))
	}
	whole, fraction, _ := bytes.Cut(mantissa, []byte("."))
	digits = append(append(dst, whole...), fraction...)
	exponent += 2 - len(fraction)
	digits = bytes.TrimLeft(digits, "0")
	significant := bytes.TrimRight(digits, "0")
	return significant, exponent + len(digits) - len(significant)
}

// clamp parses an exponent and bounds it: far beyond what the digits of a body can outweigh, but small enough to add
// lengths to it.
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

// appendJSON appends a JSON number with one decimal, or with two if the second is not zero.
func (p price) appendJSON(dst []byte) []byte {
	dst = strconv.AppendInt(dst, int64(p/100), 10)
	dst = append(dst, '.', byte('0'+p/10%10))
	if cent := p % 10; cent != 0 {
		dst = append(dst, byte('0'+cent))
	}
	return dst
}
