package user

import (
	"github.com/gin-gonic/gin"

	"userorder/auth"
	"userorder/httpapi"
)

var msgErased = httpapi.Text{ZH: "注销成功", EN: "the account is erased"}

// export serves GET /user/export.
func (h handler) export(c *gin.Context) error {
	return httpapi.Stream(c, httpapi.MsgFound, func(write func([]byte)) error {
		return h.service.export(c.Request.Context(), auth.CallerOf(c), write)
	})
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
