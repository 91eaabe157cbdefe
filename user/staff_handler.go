package user

import (
	"log/slog"
	"strconv"

	"github.com/gin-gonic/gin"

	"userorder/auth"
	"userorder/httpapi"
)

// list serves GET /user/list.
func (h handler) list(c *gin.Context) error {
	var query struct {
		Username username      `json:"username,omitzero"`
		After    httpapi.ID    `json:"after,omitzero"`
		Limit    httpapi.Count `json:"limit,omitzero"`
	}
	if err := httpapi.BindQuery(c, &query); err != nil {
		return err
	}
	if err := auth.Only(c, auth.Staff); err != nil {
		return err
	}
	var data struct {
		Users []managed `json:"users"`
		Next  string    `json:"next,omitempty"`
	}
	var more bool
	var err error
	if query.Username.key != "" {
		data.Users, err = h.service.byName(c.Request.Context(), query.Username)
	} else {
		data.Users, more, err = h.service.list(c.Request.Context(), int64(query.After), query.Limit.OrDefault())
	}
	if err != nil {
		return err
	}
	if data.Users == nil {
		data.Users = []managed{}
	}
	if more {
		data.Next = strconv.FormatInt(data.Users[len(data.Users)-1].ID, 10)
	}
	return httpapi.OK(c, httpapi.MsgFound, data)
}

// update serves POST /user/update/:userid.
func (h handler) update(c *gin.Context) error {
	id, ok := httpapi.ParseID(c.Param("userid"))
	var body struct {
		Role     role  `json:"role,omitzero"`
		Disabled *bool `json:"disabled,omitzero"`
	}
	err := httpapi.Bind(c, &body)
	switch {
	case err != nil:
		return err
	case !ok:
		return errUserID
	case body.Role == "" && body.Disabled == nil:
		return errNoChange
	}
	if err := auth.Only(c, auth.Staff); err != nil {
		return err
	}
	change := update{disabled: body.Disabled}
	if body.Role != "" {
		change.role = (*auth.Role)(&body.Role)
	}
	user, err := h.service.update(c.Request.Context(), clientOf(c), auth.CallerOf(c).UserID, id, change)
	if err != nil {
		return err
	}
	httpapi.Annotate(c, slog.Int64("account", id))
	return httpapi.OK(c, msgChanged, user)
}
