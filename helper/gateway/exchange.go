package gateway

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"path/filepath"
	"sync"
	"time"

	"ocgo-key/helper"
)

// Exchange is one request of a client and its outcome.
type Exchange struct {
	ctx          context.Context // ends when the client disconnects
	header       http.Header     // as the client sent it
	body         *body
	bearerHeader bool // the client sent an Authorization header
	apiKeyHeader bool // the client put its token into x-api-key, so the key goes there too
	now          func() time.Time
	holder       Holder        // the holder whose account serves the request
	served       *helper.Grant // the grant whose key got the answer; nil before the answer

	once   sync.Once
	parsed struct {
		Model  string     `json:"model"`
		Stream bool       `json:"stream"`
		Tools  []struct{} `json:"tools"` // only the number of tools is used
	}
}

type exchangeKey struct{}

func exchangeOf(r *http.Request) *Exchange { return r.Context().Value(exchangeKey{}).(*Exchange) }

// first returns the first value of a header; empty if there is none. Unlike Header.Get, it does not
// convert the name, which must be in canonical form.
func first(h http.Header, name string) string {
	if values := h[name]; len(values) > 0 {
		return values[0]
	}
	return ""
}

// Session is OpenCode's id of the session that the request belongs to; empty for other clients.
func (x *Exchange) Session() string { return first(x.header, sessionHeader) }

// Parent is the id of the parent session if this is a subagent's session; otherwise empty.
func (x *Exchange) Parent() string { return first(x.header, "X-Parent-Session-Id") }

// FolderHeader is the header in which a client names the folder of the user's project,
// percent-encoded. It is not passed on.
const FolderHeader = "X-Ocgo-Key-Folder"

// Folder is the folder of the user's project; empty if the client does not name an absolute path.
func (x *Exchange) Folder() string {
	folder, err := url.PathUnescape(first(x.header, FolderHeader))
	if err != nil || !filepath.IsAbs(folder) {
		return ""
	}
	return folder
}

// Subagent reports whether a subagent sent the request.
func (x *Exchange) Subagent() bool { return x.Parent() != "" }

// HasTools reports whether the request offers tools. OpenCode's request for a title has the session
// of its conversation but offers no tools.
func (x *Exchange) HasTools() bool {
	x.parse()
	return len(x.parsed.Tools) > 0
}

// Model returns the model that the request names; empty if not known.
func (x *Exchange) Model() string {
	x.parse()
	return x.parsed.Model
}

// Streams reports whether the client wants its answer as a stream.
func (x *Exchange) Streams() bool {
	x.parse()
	return x.parsed.Stream
}

// parse decodes the body when it is first needed, because few requests need it.
func (x *Exchange) parse() {
	x.once.Do(func() { _ = json.Unmarshal(x.body.kept, &x.parsed) })
}
