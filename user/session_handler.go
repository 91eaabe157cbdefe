package user

import (
	"log/slog"

	"github.com/gin-gonic/gin"

	"userorder/auth"
	"userorder/httpapi"
)

var (
	msgRefreshed = httpapi.Text{ZH: "刷新成功", EN: "refreshed"}
	msgLoggedOut = httpapi.Text{ZH: "退出成功", EN: "logged out"}
	msgEnded     = httpapi.Text{ZH: "已结束", EN: "ended"}
)

// refresh serves POST /user/refresh.
func (h handler) refresh(c *gin.Context) error {
	var body struct {
		RefreshToken string `json:"refresh_token"`
	}
	if err := httpapi.Bind(c, &body); err != nil {
		return err
	}
	granted, session, err := h.service.refresh(c.Request.Context(), clientOf(c), body.RefreshToken)
	if session.ID != 0 {
		httpapi.Annotate(c, slog.Int64("user", session.UserID), slog.Int64("session", session.ID))
	}
	if err != nil {
		return auth.Unauthorized(c, err)
	}
	return httpapi.OK(c, msgRefreshed, granted)
}

// logout serves POST /user/logout.
func (h handler) logout(c *gin.Context) error {
	body := struct {
		Scope scope `json:"scope,omitzero"`
	}{scopeThis}
	if err := httpapi.BindOptional(c, &body); err != nil {
		return err
	}
	var data struct {
		Ended int `json:"ended"`
	}
	var err error
	if data.Ended, err = h.service.logout(c.Request.Context(), auth.CallerOf(c), body.Scope); err != nil {
		return err
	}
	return httpapi.OK(c, msgLoggedOut, data)
}

// sessions serves GET /user/sessions.
func (h handler) sessions(c *gin.Context) error {
	var data struct {
		Sessions []shownSession `json:"sessions"`
	}
	var err error
	if data.Sessions, err = h.service.sessions(c.Request.Context(), auth.CallerOf(c)); err != nil {
		return err
	}
	return httpapi.OK(c, httpapi.MsgFound, data)
}

// endSession serves DELETE /user/sessions/:id.
func (h handler) endSession(c *gin.Context) error {
	id, ok := httpapi.ParseID(c.Param("id"))
	if !ok {
		return errSessionID
	}
	if err := h.service.endSession(c.Request.Context(), auth.CallerOf(c).UserID, id); err != nil {
		return err
	}
	return httpapi.OK(c, msgEnded, httpapi.Empty{})
}
