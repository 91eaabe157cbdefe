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
)

type handler struct {
	service *service
}

// create serves POST /order/create.
func (h handler) create(c *gin.Context) error {
	var body struct {
		UserID  httpapi.ID `json:"userid,omitzero"`
		Product product    `json:"product"`
		Price   price      `json:"price"`
	}
	if err := httpapi.Bind(c, &body); err != nil {
		return err
	}
	caller := auth.CallerOf(c).UserID
	if owner := int64(body.UserID); owner != 0 && owner != caller {
		return errForbidden
	}
	o, err := h.service.create(c.Request.Context(), caller, body.Product, body.Price)
	if err != nil {
		return err
	}
	httpapi.Annotate(c, slog.Int64("order", o.ID))
	return httpapi.OK(c, msgCreated, o)
}

// query serves GET /order/query/:orderid.
func (h handler) query(c *gin.Context) error {
	id, ok := httpapi.ParseID(c.Param("orderid"))
	if !ok {
		return errInvalidID
	}
	o, err := h.service.query(c.Request.Context(), auth.CallerOf(c).UserID, id)
	if err != nil {
		return err
	}
	return httpapi.OK(c, httpapi.MsgFound, o)
}

// cancel serves DELETE /order/cancel/:orderid.
func (h handler) cancel(c *gin.Context) error {
	id, ok := httpapi.ParseID(c.Param("orderid"))
	if !ok {
		return errInvalidID
	}
	if err := h.service.cancel(c.Request.Context(), auth.CallerOf(c).UserID, id); err != nil {
		return err
	}
	return httpapi.OK(c, msgCancelled, httpapi.Empty{})
}
