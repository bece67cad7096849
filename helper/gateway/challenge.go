package gateway

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
)

// A client that does not know whether its gateway still listens sends a random text in
// ChallengeHeader to PingPath, without the token. The gateway returns, in ProofHeader, a proof that
// it has the token. Another user's program that took the port of a dead gateway cannot make this
// proof, and does not learn the token. helper/opencode/plugin.js uses the same challenge.
const (
	ChallengeHeader = "X-Ocgo-Key-Challenge"
	ProofHeader     = "X-Ocgo-Key-Proof"
)

// maxChallenge is the greatest length of a challenge, in bytes.
const maxChallenge = 128

func proof(token, challenge string) string {
	mac := hmac.New(sha256.New, []byte(token))
	mac.Write([]byte("ocgo-key gateway\n" + challenge))
	return hex.EncodeToString(mac.Sum(nil))
}

// Challenge adds a challenge to req, a GET of PingPath. Only a gateway with this token can answer
// it. proven reports whether an answer has the right proof.
func Challenge(req *http.Request, token string) (proven func(*http.Response) bool) {
	challenge := rand.Text()
	req.Header.Set(ChallengeHeader, challenge)
	return func(resp *http.Response) bool {
		shown := resp.Header.Get(ProofHeader)
		return resp.StatusCode == http.StatusNoContent && hmac.Equal([]byte(shown), []byte(proof(token, challenge)))
	}
}

// proves answers a challenge, and reports whether the request contained one.
func (g *Gateway) proves(w http.ResponseWriter, r *http.Request) bool {
	challenge := first(r.Header, ChallengeHeader)
	if r.Method != http.MethodGet || r.URL.Path != PingPath || challenge == "" || len(challenge) > maxChallenge {
		return false
	}
	w.Header().Set(ProofHeader, proof(g.token, challenge))
	w.WriteHeader(http.StatusNoContent)
	return true
}
