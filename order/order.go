// Package order owns orders: creating, listing and querying them, moving them from status to status, and the history of
// that. It must not know accounts: a user is a number in a token.
package order

import (
	"net/http"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"userorder/httpapi"
)

// order is what a user has ordered.
type order struct {
	ID        int64
	UserID    int64
	Product   product
	Price     price
	Status    status
	CreatedAt httpapi.Timestamp
	UpdatedAt httpapi.Timestamp
	Version   int64 // 1 at first, one more with each change
	Metadata  metadata
}

// AppendJSON appends the order as clients see it.
func (o order) AppendJSON(dst []byte) []byte {
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
	dst = o.CreatedAt.Append(dst)
	dst = append(dst, `","updated_at":"`...)
	dst = o.UpdatedAt.Append(dst)
	dst = append(dst, `","version":`...)
	dst = strconv.AppendInt(dst, o.Version, 10)
	if o.Metadata != "" {
		dst = append(dst, `,"metadata":`...)
		dst = append(dst, o.Metadata...)
	}
	return append(dst, '}')
}

// asCreated returns the order as it was at first.
func (o order) asCreated() order {
	o.Status, o.Version, o.UpdatedAt = statusCreated, 1, o.CreatedAt
	return o
}

var (
	errNotFound = httpapi.NewBusinessError(httpapi.Text{ZH: "订单不存在", EN: "no such order"})

	errForbidden = httpapi.NewError(http.StatusForbidden, httpapi.Text{ZH: "无权操作其他用户的订单", EN: "the order is another user's"})
	errInvalidID = httpapi.NewError(http.StatusBadRequest, httpapi.Text{ZH: "订单编号须为正整数", EN: "the order id must be a positive integer"})
)

var textProduct = httpapi.Text{
	ZH: "须为 1 到 200 个字符，不含控制字符",
	EN: "must be 1 to 200 characters, without control characters",
}

// product is the name of what is ordered.
type product string

const maxProduct = 200 // code points

// UnmarshalText drops white space around the text.
func (p *product) UnmarshalText(text []byte) error {
	trimmed := strings.TrimSpace(string(text))
	if trimmed == "" || utf8.RuneCountInString(trimmed) > maxProduct || strings.ContainsFunc(trimmed, unicode.IsControl) {
		return textProduct
	}
	*p = product(trimmed)
	return nil
}
