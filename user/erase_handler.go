package user

import (
	"github.com/gin-gonic/gin"

	"userorder/auth"
	"userorder/httpapi"
)

var msgErased = httpapi.Text{ZH: "注销成功", EN: "the account is erased"}

// export serves GET /user/export.
func (h handler) export(c *gin.Context) error {
	all, err := h.service.export(c.Request.Context(), auth.CallerOf(c))
	if err != nil {
		return err
	}
	return httpapi.OK(c, httpapi.MsgFound, all)
}

// erase serves DELETE /user/account.
func (h handler) erase(c *gin.Context) error {
	var body struct {
		Password string `json:"password"`
	}
	if err := httpapi.Bind(c, &body); err != nil {
		return err
	}
	if err := h.service.erase(c.Request.Context(), clientOf(c), auth.CallerOf(c).UserID, body.Password); err != nil {
		return err
	}
	return httpapi.OK(c, msgErased, httpapi.Empty{})
}
