package hogql

// tokenKind says what a token is. Keywords are one kind; which one is in the
// token's kw field.
type tokenKind uint8

const (
	tokEOF tokenKind = iota
	tokIdent
	tokQuoted  // `x` or "x"
	tokKeyword // see keyword
	tokString  // 'x'
	tokInt     // decimal digits, also with leading zeros
	tokOctal   // 017: a decimal number for HogQL, but a kind of its own in its grammar
	tokHex     // 0x1f
	tokBinary  // 0b101
	tokFloat   // with an exponent: 1e5, 1.5e-3, .5e3, 0x1p3
	tokBadNumber
	tokTemplateStart // f'
	tokTemplateText
	tokTemplateEnd // the closing '
	tokTagOpen     // < that begins a HogQLX tag, or </
	tokArrow       // ->
	tokStar
	tokCast        // ::
	tokColonEquals // :=
	tokColon
	tokComma
	tokConcat // ||
	tokDash
	tokDot
	tokEq // = and ==
	tokGtEq
	tokGt
	tokHash
	tokRegex  // ~ and =~
	tokIRegex // ~* and =~*
	tokLBrace
	tokLBracket
	tokLParen
	tokLtEq
	tokLt
	tokNotEq     // != and <>
	tokNotIRegex // !~*
	tokNotRegex  // !~
	tokNullProp  // ?.
	tokNullish   // ??
	tokPercent
	tokPlus
	tokQuestion
	tokRBrace
	tokRBracket
	tokRParen
	tokSemicolon
	tokSlash
	tokSlashGt // />
	tokUnterminated
	tokUnexpected
)

// token is one lexeme; its text is sql[start:end].
type token struct {
	start int
	end   int
	kind  tokenKind
	kw    keyword
}
