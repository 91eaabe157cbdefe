package order

import (
	"context"
	"math"
	"strconv"

	"userorder/httpapi"
)

// owner is the userid in a query: whose orders are listed. 0 is one's own.
type owner int64

const everybody owner = -1

var textOwner = httpapi.Text{ZH: "须为用户编号或 all", EN: "must be a user id or all"}

// UnmarshalText accepts an id, or all.
func (o *owner) UnmarshalText(text []byte) error {
	id, ok := httpapi.ParseID(string(text))
	switch {
	case ok:
		*o = owner(id)
	case string(text) == "all":
		*o = everybody
	default:
		return textOwner
	}
	return nil
}

// filter selects the orders of a list.
type filter struct {
	owner  owner
	status status // "" is any
}

// page is a part of a list of orders. It may be short, or even empty, and not the last.
type page struct {
	orders []order
	next   int64 // the id after which the next one begins; 0: it is the last
}

// AppendJSON appends the page as clients see it.
func (p page) AppendJSON(dst []byte) []byte {
	dst = append(dst, `{"orders":[`...)
	for i, o := range p.orders {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = o.AppendJSON(dst)
	}
	dst = append(dst, ']')
	if p.next != 0 {
		dst = append(dst, `,"next":"`...)
		dst = strconv.AppendInt(dst, p.next, 10)
		dst = append(dst, '"')
	}
	return append(dst, '}')
}

// list returns a page of up to limit orders whose ids are less than before, the newest first. 0 begins with the newest.
func (s *service) list(ctx context.Context, f filter, before int64, limit int) (page, error) {
	if before == 0 {
		before = math.MaxInt64
	}
	return s.store.list(ctx, f, before, limit)
}
