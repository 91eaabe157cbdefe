// Package order owns orders: creating, querying and cancelling them. It must not know accounts; a user is
// the number that a token names.
package order

import (
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"userorder/httpapi"
)

// Order is what a user ordered.
type Order struct {
	ID        int64
	UserID    int64
	Product   Product
	Price     Price
	Status    Status
	CreatedAt Time
}

// AppendJSON writes an order as clients see it.
func (o Order) AppendJSON(dst []byte) []byte {
	dst = append(dst, `{"id":"`...)
	dst = strconv.AppendInt(dst, o.ID, 10)
	dst = append(dst, `","userid":"`...)
	dst = strconv.AppendInt(dst, o.UserID, 10)
	dst = append(dst, `","product":`...)
	dst = httpapi.AppendString(dst, string(o.Product))
	dst = append(dst, `,"price":`...)
	dst = o.Price.appendJSON(dst)
	dst = append(dst, `,"status":"`...)
	dst = append(dst, o.Status...)
	dst = append(dst, `","created_at":"`...)
	dst = o.CreatedAt.append(dst)
	return append(dst, `"}`...)
}

// Status is where an order is in its life.
type Status string

// A cancelled order stays in the database, but no client sees it again.
const (
	Created   Status = "created"
	Cancelled Status = "cancelled"
)

// What a user may do wrong.
var (
	ErrNotFound = httpapi.NewBusinessError(httpapi.Text{ZH: "订单不存在", EN: "no such order"})

	ErrForbidden = &httpapi.Error{
		Status: http.StatusForbidden, Code: http.StatusForbidden,
		Msg: httpapi.Text{ZH: "无权操作其他用户的订单", EN: "the order is another user's"},
	}
	ErrInvalidID = &httpapi.Error{
		Status: http.StatusBadRequest, Code: http.StatusBadRequest,
		Msg: httpapi.Text{ZH: "订单编号须为正整数", EN: "the order id must be a positive integer"},
	}
)

var textProduct = httpapi.Text{
	ZH: "须为 1 到 200 个字符，不含控制字符",
	EN: "must be 1 to 200 characters, without control characters",
}

// Product is what an order is for.
type Product string

const maxProduct = 200 // code points

// UnmarshalText takes the text without the white space around it.
func (p *Product) UnmarshalText(text []byte) error {
	product := strings.TrimSpace(string(text))
	if product == "" || utf8.RuneCountInString(product) > maxProduct || strings.ContainsFunc(product, unicode.IsControl) {
		return textProduct
	}
	*p = Product(product)
	return nil
}

// Time is a moment to the millisecond, as it is stored and shown.
type Time struct{ time.Time }

func timeOf(milliseconds int64) Time {
	return Time{time.UnixMilli(milliseconds).UTC()}
}

// append always writes three decimals; time.Time's own drops zeros.
func (t Time) append(dst []byte) []byte {
	return t.UTC().AppendFormat(dst, "2006-01-02T15:04:05.000Z")
}
