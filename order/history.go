package order

import (
	"context"
	"strconv"

	"userorder/auth"
	"userorder/httpapi"
)

// event is a change of an order, or its creation.
type event struct {
	id    int64
	actor int64 // the account, 0 for the system
	role  auth.Role
	note  note
	order order // as it was then; in a history the id, the status, the version and the time of it are set
}

// appendMembers appends the event as clients see it, without braces.
func (e event) appendMembers(dst []byte) []byte {
	dst = append(dst, `"id":"`...)
	dst = strconv.AppendInt(dst, e.id, 10)
	dst = append(dst, `","type":"order.`...)
	dst = append(dst, e.order.Status...)
	dst = append(dst, `","at":"`...)
	dst = e.order.UpdatedAt.Append(dst)
	dst = append(dst, `","by":"`...)
	dst = append(dst, e.role...)
	if e.actor != 0 {
		dst = append(dst, `","userid":"`...)
		dst = strconv.AppendInt(dst, e.actor, 10)
	}
	dst = append(dst, `","note":`...)
	return httpapi.AppendString(dst, string(e.note))
}

// message returns the event as webhooks receive it.
func (e event) message() []byte {
	dst := append([]byte(`{"type":"order.`), e.order.Status...)
	dst = append(dst, `","timestamp":"`...)
	dst = e.order.UpdatedAt.Append(dst)
	dst = append(dst, `","data":`...)
	return append(e.order.AppendJSON(dst), '}')
}

// history is the events of one order, the oldest first.
type history []event

// AppendJSON appends the history as clients see it.
func (h history) AppendJSON(dst []byte) []byte {
	dst = append(dst, `{"events":[`...)
	for i, e := range h {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(e.appendMembers(append(dst, '{')), '}')
	}
	return append(dst, `]}`...)
}

// history returns the events of an order that belongs to the caller, cancelled or not, or of any order for staff. It
// returns errNotFound, or errForbidden if the order is another user's.
func (s *service) history(ctx context.Context, caller auth.Caller, id int64) (history, error) {
	o, err := s.store.byID(ctx, id)
	switch {
	case err != nil:
		return nil, err
	case caller.Role != auth.Staff && o.UserID != caller.UserID:
		return nil, errForbidden
	}
	return s.store.history(ctx, o)
}

// position is a place in the feed: the id of the event before it, or 0.
type position int64

var textPosition = httpapi.Text{ZH: "须为 0 或事件编号", EN: "must be 0 or the id of an event"}

// UnmarshalText accepts 0 and ids.
func (p *position) UnmarshalText(text []byte) error {
	id, ok := httpapi.ParseID(string(text))
	if !ok && string(text) != "0" {
		return textPosition
	}
	*p = position(id)
	return nil
}

// feed is a part of the events of all orders, in the order in which they were committed.
type feed struct {
	events []event
	next   position
}

// AppendJSON appends the feed as clients see it.
func (f feed) AppendJSON(dst []byte) []byte {
	dst = append(dst, `{"events":[`...)
	for i, e := range f.events {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(e.appendMembers(append(dst, '{')), `,"order":`...)
		dst = append(e.order.AppendJSON(dst), '}')
	}
	dst = append(dst, `],"next":"`...)
	dst = strconv.AppendInt(dst, int64(f.next), 10)
	return append(dst, `"}`...)
}

// feed returns up to limit events that follow a position. Whoever reads on from next misses none and sees none twice.
func (s *service) feed(ctx context.Context, after position, limit int) (feed, error) {
	events, err := s.store.feed(ctx, int64(after), limit)
	if len(events) > 0 {
		after = position(events[len(events)-1].id)
	}
	return feed{events, after}, err
}
