package order

import (
	"log/slog"

	"github.com/gin-gonic/gin"

	"userorder/auth"
	"userorder/httpapi"
)

var (
	msgCreated   = httpapi.Text{ZH: "创建成功", EN: "created"}
	msgCancelled = httpapi.Text{ZH: "取消成功", EN: "cancelled"}
	msgChanged   = httpapi.Text{ZH: "修改成功", EN: "changed"}
)

type handler struct {
	service   *service
	staffOnly bool // only staff may create orders
}

// create serves POST /order/create.
func (h handler) create(c *gin.Context) error {
	var body struct {
		UserID   httpapi.ID `json:"userid,omitzero"`
		Product  product    `json:"product"`
		Price    price      `json:"price"`
		Metadata metadata   `json:"metadata,omitzero"`
	}
	if err := httpapi.Bind(c, &body); err != nil {
		return err
	}
	key, err := keyOf(c)
	if err != nil {
		return err
	}
	caller, owner := auth.CallerOf(c), int64(body.UserID)
	if owner == 0 {
		owner = caller.UserID
	}
	switch {
	case caller.Role == auth.Staff:
	case h.staffOnly:
		return auth.ErrForbidden
	case owner != caller.UserID:
		return errForbidden
	}
	d := draft{
		order:   order{UserID: owner, Product: body.Product, Price: body.Price, Metadata: body.Metadata},
		creator: caller.UserID, role: caller.Role, key: key,
	}
	if key != "" {
		return h.createOnce(c, d)
	}
	o, err := h.service.create(c.Request.Context(), d)
	if err != nil {
		return err
	}
	httpapi.Annotate(c, slog.Int64("order", o.ID))
	return answer(c, msgCreated, o)
}

// createOnce answers a request with an idempotency key: as it was answered first, if it was.
func (h handler) createOnce(c *gin.Context, d draft) error {
	d.language = httpapi.Language(c)
	o, language, replayed, err := h.service.createOnce(c.Request.Context(), d)
	if err != nil {
		return err
	}
	if replayed {
		httpapi.SetLanguage(c, language)
		c.Header("Idempotent-Replayed", "true")
	}
	httpapi.Annotate(c, slog.Int64("order", o.ID))
	return answer(c, msgCreated, o)
}

// answer answers with an order and the entity tag of its version.
func answer(c *gin.Context, msg httpapi.Text, o order) error {
	httpapi.SetETag(c, o.Version)
	return httpapi.OK(c, msg, o)
}

// query serves GET /order/query/:orderid.
func (h handler) query(c *gin.Context) error {
	id, ok := httpapi.ParseID(c.Param("orderid"))
	if !ok {
		return errInvalidID
	}
	o, err := h.service.query(c.Request.Context(), auth.CallerOf(c), id)
	if err != nil {
		return err
	}
	return answer(c, httpapi.MsgFound, o)
}

// cancel serves DELETE /order/cancel/:orderid.
func (h handler) cancel(c *gin.Context) error {
	m, err := moveOf(c, statusCancelled, "")
	if err == nil {
		err = h.service.cancel(c.Request.Context(), m)
	}
	if err != nil {
		return err
	}
	return httpapi.OK(c, msgCancelled, httpapi.Empty{})
}

// setStatus serves POST /order/status/:orderid.
func (h handler) setStatus(c *gin.Context) error {
	var body struct {
		Status status `json:"status"`
		Note   note   `json:"note,omitzero"`
	}
	if err := httpapi.Bind(c, &body); err != nil {
		return err
	}
	m, err := moveOf(c, body.Status, body.Note)
	if err != nil {
		return err
	}
	o, _, err := h.service.move(c.Request.Context(), m)
	if err != nil {
		return err
	}
	return answer(c, msgChanged, o)
}

// moveOf returns the change that a request asks for.
func moveOf(c *gin.Context, to status, said note) (m move, err error) {
	id, ok := httpapi.ParseID(c.Param("orderid"))
	if !ok {
		return move{}, errInvalidID
	}
	version, err := httpapi.IfMatch(c)
	return move{id: id, to: to, note: said, caller: auth.CallerOf(c), version: version}, err
}

// list serves GET /order/list.
func (h handler) list(c *gin.Context) error {
	var query struct {
		UserID owner         `json:"userid,omitzero"`
		Status status        `json:"status,omitzero"`
		After  httpapi.ID    `json:"after,omitzero"`
		Limit  httpapi.Count `json:"limit,omitzero"`
	}
	if err := httpapi.BindQuery(c, &query); err != nil {
		return err
	}
	caller := auth.CallerOf(c)
	own := owner(caller.UserID)
	switch {
	case query.UserID == 0:
		query.UserID = own
	case caller.Role != auth.Staff && query.UserID != own:
		return auth.ErrForbidden
	}
	p, err := h.service.list(c.Request.Context(), filter{query.UserID, query.Status}, int64(query.After), query.Limit.OrDefault())
	if err != nil {
		return err
	}
	return httpapi.OK(c, httpapi.MsgFound, p)
}

// history serves GET /order/history/:orderid.
func (h handler) history(c *gin.Context) error {
	id, ok := httpapi.ParseID(c.Param("orderid"))
	if !ok {
		return errInvalidID
	}
	events, err := h.service.history(c.Request.Context(), auth.CallerOf(c), id)
	if err != nil {
		return err
	}
	return httpapi.OK(c, httpapi.MsgFound, events)
}

// feed serves GET /order/events.
func (h handler) feed(c *gin.Context) error {
	var query struct {
		After position      `json:"after,omitzero"`
		Limit httpapi.Count `json:"limit,omitzero"`
	}
	if err := httpapi.BindQuery(c, &query); err != nil {
		return err
	}
	if err := auth.Only(c, auth.Staff); err != nil {
		return err
	}
	events, err := h.service.feed(c.Request.Context(), query.After, query.Limit.OrDefault())
	if err != nil {
		return err
	}
	return httpapi.OK(c, httpapi.MsgFound, events)
}

// listWebhooks serves GET /order/webhooks.
func (h handler) listWebhooks(c *gin.Context) error {
	if err := auth.Only(c, auth.Staff); err != nil {
		return err
	}
	var data struct {
		Webhooks []shownWebhook `json:"webhooks"`
	}
	var err error
	if data.Webhooks, err = h.service.webhooks.list(c.Request.Context()); err != nil {
		return err
	}
	return httpapi.OK(c, httpapi.MsgFound, data)
}

// retryWebhooks serves POST /order/webhooks/retry.
func (h handler) retryWebhooks(c *gin.Context) error {
	if err := httpapi.BindOptional(c, &struct{}{}); err != nil {
		return err
	}
	if err := auth.Only(c, auth.Staff); err != nil {
		return err
	}
	if err := h.service.webhooks.retry(c.Request.Context()); err != nil {
		return err
	}
	return httpapi.OK(c, msgChanged, httpapi.Empty{})
}
