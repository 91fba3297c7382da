"""Characters of equations, and the LaTeX commands for them."""

_NAMED = """
α alpha β beta γ gamma δ delta ε epsilon ζ zeta η eta θ theta ι iota κ kappa λ lambda μ mu ν nu ξ xi π pi ρ rho
ς varsigma σ sigma τ tau υ upsilon φ varphi χ chi ψ psi ω omega ϑ vartheta ϕ phi ϖ varpi ϱ varrho ϵ epsilon
Γ Gamma Δ Delta Θ Theta Λ Lambda Ξ Xi Π Pi Σ Sigma Υ Upsilon Φ Phi Ψ Psi Ω Omega ħ hbar ℏ hbar ℓ ell ℜ Re ℑ Im ℵ aleph
× times ÷ div ± pm ∓ mp ⋅ cdot · cdot ∗ ast ∘ circ ∙ bullet ⊕ oplus ⊗ otimes
≤ leq ≥ geq ≠ neq ≈ approx ≡ equiv ∼ sim ≅ cong ∝ propto ≪ ll ≫ gg ⊥ perp ∥ parallel ∠ angle
∞ infty ∂ partial ∇ nabla ∅ emptyset ∀ forall ∃ exists ∄ nexists ¬ neg ∧ wedge ∨ vee
∈ in ∉ notin ∋ ni ⊂ subset ⊃ supset ⊆ subseteq ⊇ supseteq ∪ cup ∩ cap ∖ setminus
→ to ← leftarrow ↔ leftrightarrow ⇒ Rightarrow ⇐ Leftarrow ⇔ Leftrightarrow ↦ mapsto ↑ uparrow ↓ downarrow
… ldots ⋯ cdots ⋮ vdots ⋱ ddots ⟨ langle ⟩ rangle ⌈ lceil ⌉ rceil ⌊ lfloor ⌋ rfloor ‖ Vert
∑ sum ∏ prod ∐ coprod ∫ int ∬ iint ∭ iiint ∮ oint ∯ oiint ∰ oiiint
⋀ bigwedge ⋁ bigvee ⋂ bigcap ⋃ bigcup ⨁ bigoplus ⨂ bigotimes
""".split()
ESCAPES = {ord(char): f"\\{char}" for char in "#$%&_{}"}
"""Translates what LaTeX would take for a command of its own."""
SYMBOLS = {
    **ESCAPES,
    **{ord(char): f"\\{name} " for char, name in zip(_NAMED[::2], _NAMED[1::2], strict=True)},
    # Signs that stand in for one on the keyboard, and characters that only set distances.
    **{0x2212: "-", 0x2013: "-", 0x2032: "'", 0x2061: "", 0x2062: "", 0x2063: "", 0x200B: ""},
}
"""Translates the characters of an equation into LaTeX."""
ACCENTS = {
    "\u0302": "hat",
    "\u0303": "tilde",
    "\u0304": "bar",
    "\u0305": "overline",
    "\u0306": "breve",
    "\u0307": "dot",
    "\u0308": "ddot",
    "\u030c": "check",
    "\u20d6": "overleftarrow",
    "\u20d7": "vec",
}
"""Commands for combining accents."""
FUNCTIONS = frozenset(
    "arccos arcsin arctan arg cos cosh cot coth csc deg det dim exp gcd hom inf ker lg lim liminf limsup ln log max "
    "min Pr sec sin sinh sup tan tanh".split()
)
"""Functions that LaTeX has a command for."""
