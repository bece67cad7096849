package gateway

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"hash"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// sessionHeader names a request's conversation to the service, which refuses requests without one.
const sessionHeader = "X-Opencode-Session"

// sessionHeaders are those in which clients name a conversation of their own, the more telling ones
// first: Claude Code's (2.1.86 and later), Codex's (with hyphens since 2026, with underscores
// before), and those of other clients.
var sessionHeaders = []string{"X-Claude-Code-Session-Id", "Session-Id", "Session_id", "Conversation_id", "Thread-Id", "Thread_id",
	"X-Session-Id", "X-Session-Affinity"}

// maxSession is the length of an id, in characters.
const maxSession = 128

// nameSession gives a request to a model that names no conversation the id of one: the same for
// each request of the same conversation, for as long as this gateway lasts. A client's own id is
// never changed, and of a body nothing but a keyed hash is shown.
func (g *Gateway) nameSession(out *http.Request, x *Exchange) {
	if out.Method != http.MethodPost || out.Header.Get(sessionHeader) != "" {
		return
	}
	out.Header.Set(sessionHeader, g.session(out.Header, x.body.kept))
}

// session is the id of a conversation that a request with this head and body belongs to.
func (g *Gateway) session(h http.Header, body []byte) string {
	for _, name := range sessionHeaders {
		switch id := h.Get(name); {
		case id == "":
		case plainID(id):
			return id
		default:
			return g.hashed("header", id)
		}
	}
	var b beginning
	_ = json.Unmarshal(body, &b) // of a body that can't be read nothing is known
	switch {
	case b.CacheKey != "":
		return g.hashed("prompt_cache_key", string(b.CacheKey))
	case b.Metadata.UserID != "":
		return g.hashed("user_id", string(b.Metadata.UserID))
	case g.options.Session != "":
		return g.options.Session
	}
	return g.hashed("beginning", string(b.System), string(b.Instructions), b.Messages.system, b.Messages.user, b.Input.system, b.Input.user)
}

// plainID reports whether a client's id can be shown to the service as it is.
func plainID(id string) bool {
	return len(id) <= maxSession && !strings.ContainsFunc(id, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && !strings.ContainsRune("-_.:", r)
	})
}

// hashed is an id that tells nothing of the parts, to anybody without this gateway's secret.
func (g *Gateway) hashed(parts ...string) string {
	mac := hmac.New(sha256.New, g.salt[:])
	for _, part := range parts {
		writePart(mac, part)
	}
	return "ses_" + hex.EncodeToString(mac.Sum(nil)[:16])
}

// writePart keeps two parts apart whatever is in them.
func writePart(to hash.Hash, part string) {
	_, _ = io.WriteString(to, strconv.Itoa(len(part))+":"+part)
}

// beginning is what tells one conversation from another in a body of any of the three formats.
// Fields of another type than is expected are as if they were not there, so that one of them hides
// no other.
type beginning struct {
	CacheKey scalar `json:"prompt_cache_key"`
	Metadata userID `json:"metadata"`

	Messages     opening `json:"messages"`     // of chat and messages
	System       words   `json:"system"`       // of messages
	Instructions words   `json:"instructions"` // of responses
	Input        opening `json:"input"`        // of responses
}

type scalar string

func (s *scalar) UnmarshalJSON(raw []byte) error {
	if raw[0] == '"' {
		return json.Unmarshal(raw, (*string)(s))
	}
	return nil
}

type userID struct{ UserID scalar }

func (u *userID) UnmarshalJSON(raw []byte) error {
	var fields struct {
		UserID scalar `json:"user_id"`
	}
	_ = json.Unmarshal(raw, &fields) // of another type: none
	u.UserID = fields.UserID
	return nil
}

// words are the words of a content: a text, or blocks. What clients change in a block from turn to
// turn, such as the mark of where a cache ends, is left out.
type words string

func (w *words) UnmarshalJSON(raw []byte) error {
	if raw[0] == '"' {
		return json.Unmarshal(raw, (*string)(w))
	}
	var blocks []struct {
		Text     string          `json:"text"`
		Source   json.RawMessage `json:"source"`    // an image, of messages
		ImageURL json.RawMessage `json:"image_url"` // of the other two
	}
	if json.Unmarshal(raw, &blocks) != nil {
		return nil
	}
	var all strings.Builder
	for _, b := range blocks {
		all.WriteString(b.Text)
		all.Write(b.Source)
		all.Write(b.ImageURL)
		all.WriteByte(0)
	}
	*w = words(all.String())
	return nil
}

// opening is what was said up to the first message of the user's.
type opening struct{ system, user string }

// UnmarshalJSON reads no further than to that message: what follows is most of a long conversation.
func (o *opening) UnmarshalJSON(raw []byte) error {
	if raw[0] == '"' {
		return json.Unmarshal(raw, &o.user)
	}
	list := json.NewDecoder(bytes.NewReader(raw))
	if start, err := list.Token(); err != nil || start != json.Delim('[') {
		return nil
	}
	for list.More() {
		var message struct {
			Role    scalar `json:"role"`
			Content words  `json:"content"`
		}
		if list.Decode(&message) != nil {
			continue // it is no object; the list as a whole is known to be well formed
		}
		switch message.Role {
		case "system", "developer":
			o.system += string(message.Content) + "\x00"
		case "user":
			o.user = string(message.Content)
			return nil
		}
	}
	return nil
}
