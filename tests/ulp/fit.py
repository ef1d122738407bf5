#!/usr/bin/env python3
"""Minimax polynomials for compiler/loop/library.lir: prints the coefficients that stand there. Needs mpmath.

    python3 tests/ulp/fit.py NAME...        # rows of FITS below, by the name of the function they serve

A fit is  sum c[k] * x^powers[k]  against f on [a, b], with the error weighted by `weight` (1/f gives relative error). It is found by Lawson's
iteration: least squares, whose weights grow where the error is large, until the error is level. Unlike an exchange algorithm this doesn't mind
bases that vanish somewhere, and so coefficients can be rounded one after the other, lowest power first, with the rest fitted again around them.
"""
import sys
from mpmath import cos, lu_solve, matrix, mp, mpf, pi
import mpmath

mp.dps = 60


def round_bits(x, bits):
    """x rounded to so many significant bits."""
    if x == 0:
        return mpf(0)
    m, e = mpmath.frexp(x)
    return mpmath.ldexp(mpmath.nint(mpmath.ldexp(m, bits)), e - bits)


def lawson(points, wanted, weights, powers, rounds=40):
    """Coefficients, and the largest weighted error on the points."""
    n, count = len(powers), len(points)
    basis = [[x ** p * w for p in powers] for x, w in zip(points, weights)]
    right = [y * w for y, w in zip(wanted, weights)]
    share = [mpf(1) / count] * count
    best, least = None, None
    for _ in range(rounds):
        system, vector = matrix(n, n), matrix(n, 1)
        for row, y, s in zip(basis, right, share):
            if s < mpf(10) ** -12:
                continue
            scaled = [s * v for v in row]
            for i in range(n):
                vector[i] += scaled[i] * y
                for j in range(i, n):
                    system[i, j] += scaled[i] * row[j]
        for i in range(n):
            for j in range(i):
                system[i, j] = system[j, i]
        c = lu_solve(system, vector)
        errors = [abs(sum(c[k] * row[k] for k in range(n)) - y) for row, y in zip(basis, right)]
        worst = max(errors)
        if least is None or worst < least:
            best, least = [c[k] for k in range(n)], worst
        if worst == 0:
            break
        total = sum(s * e for s, e in zip(share, errors))
        if worst / total < mpf("1.02"):
            break
        share = [s * e / total for s, e in zip(share, errors)]
    return best, least


def fit(f, weight, powers, a, b, bits=24):
    """Rounded coefficients {power: value} and the largest weighted error. bits: a number, or {power: number}, where 0 means leave."""
    a, b, rest, fixed = mpf(a), mpf(b), list(powers), {}
    count = 12 * len(powers)
    points = [(a + b) / 2 + (b - a) / 2 * cos(pi * (2 * k + 1) / (2 * count)) for k in range(count)]
    weights, values = [weight(x) for x in points], [f(x) for x in points]
    while rest:
        left = [y - sum(c * x ** p for p, c in fixed.items()) for x, y in zip(points, values)]
        c, _ = lawson(points, left, weights, rest)
        p = rest.pop(0)
        fixed[p] = round_bits(c[0], bits[p] if isinstance(bits, dict) else bits)
    worst = max(abs((f(x) - sum(c * x ** p for p, c in fixed.items())) * weight(x))
                for x in (a + (b - a) * mpf(k) / 997 for k in range(998)))
    return fixed, worst


def rational(f, weight, above, below, a, b, bits=24, rounds=60):
    """As fit, but sum p[k] x^k for k <= above, over 1 + sum q[k] x^k for k <= below: the coefficients of both, q from x^1. Each round solves the
    linear problem P - f * Q with the Q of the round before in the weights."""
    a, b, count = mpf(a), mpf(b), 14 * (above + below)
    points = [(a + b) / 2 + (b - a) / 2 * cos(pi * (2 * k + 1) / (2 * count)) for k in range(count)]
    values, share, below_one = [f(x) for x in points], [mpf(1) / count] * count, [mpf(1)] * count
    n, best, least = above + 1 + below, None, None
    for _ in range(rounds):
        system, vector = matrix(n, n), matrix(n, 1)
        for x, y, s, q in zip(points, values, share, below_one):
            row = [x ** k for k in range(above + 1)] + [-y * x ** k for k in range(1, below + 1)]
            scale = s * (weight(x) / q) ** 2
            for i in range(n):
                vector[i] += scale * row[i] * y
                for j in range(n):
                    system[i, j] += scale * row[i] * row[j]
        c = lu_solve(system, vector)
        below_one = [1 + sum(c[above + k] * x ** k for k in range(1, below + 1)) for x in points]
        errors = [abs(sum(c[k] * x ** k for k in range(above + 1)) / q - y) * weight(x) for x, y, q in zip(points, values, below_one)]
        worst = max(errors)
        if least is None or worst < least:
            best, least = [c[k] for k in range(n)], worst
        total = sum(s * e for s, e in zip(share, errors))
        share = [s * e / total for s, e in zip(share, errors)]
    rounded = [round_bits(v, bits) for v in best]
    return dict(enumerate(rounded[:above + 1])), {k + 1: v for k, v in enumerate(rounded[above + 1:])}, least


def show(name, fixed, worst):
    print("%s: error 2^%.2f" % (name, mpmath.log(worst, 2) if worst else -999))
    for p, c in sorted(fixed.items()):
        print("  x^%-2d %s" % (p, float(c).hex()))
    sys.stdout.flush()


# ---- what the library uses --------------------------------------------------------------------------------------------

TINY = mpf(10) ** -18
LN2 = mpmath.log(2)


def tail(f, terms, limit):
    """(f(x) - terms(x)) / x^2 of an odd f as a function of z = x^2, made relative to f: what stands behind x + x^3 * ..."""
    def g(z):
        x = mpmath.sqrt(z)
        return limit if z < TINY else (f(x) - terms(x)) / (x * z)
    def weight(z):
        x = mpmath.sqrt(z)
        return mpf(0) if z < TINY else x * z / f(x)
    return g, weight


def exp_tail(base_log):
    g = lambda r: base_log ** 2 / 2 if abs(r) < TINY else (mpmath.exp(base_log * r) - 1 - base_log * r) / r ** 2
    return g, lambda r: r ** 2 / mpmath.exp(base_log * r)


def log_tail():
    g = lambda f: mpf(1) / 3 if abs(f) < TINY else (mpmath.log1p(f) - f + f * f / 2) / f ** 3
    return g, lambda f: mpf(0) if abs(f) < TINY else f ** 3 / mpmath.log1p(f)


def log_series(scale, first):
    """scale * 2 * atanh(s) = scale * 2 * s + s^3 * (first + ...) as a function of z = s^2."""
    g = lambda z: first if z < TINY else (scale * 2 * mpmath.atanh(mpmath.sqrt(z)) / mpmath.sqrt(z) - 2 * scale) / z
    return g, lambda z: z


def erf_tail():
    g = lambda z: 2 / mpmath.sqrt(pi) - 1 if z < TINY else mpmath.erf(mpmath.sqrt(z)) / mpmath.sqrt(z) - 1
    return g, lambda z: 1 / (1 + g(z))


def normal_tail(pole, scale):
    """t * e^(t^2 / 2) * Phi(-t) as a function of u = scale / (t + pole) - 1: nearly constant, while the normal distribution's tail falls steeply."""
    def f(u):
        t = scale / (u + 1) - pole
        return t * mpmath.exp(t * t / 2) * mpmath.erfc(t / mpmath.sqrt(2)) / 2
    return f, lambda w: 1 / f(w)


def normal_series():
    """(Phi(x) - 1/2) / x as a function of z = x^2."""
    f = lambda z: 1 / mpmath.sqrt(2 * pi) if z < TINY else mpmath.erf(mpmath.sqrt(z / 2)) / mpmath.sqrt(z) / 2
    return f, lambda z: mpf(1)


def cos_tail():
    g = lambda z: mpf(1) / 24 if z < TINY else (mpmath.cos(mpmath.sqrt(z)) - 1 + z / 2) / z ** 2
    return g, lambda z: z * z / mpmath.cos(mpmath.sqrt(z))


def second_series():
    """The series of pow_f64 without its first term, which is kept in two parts."""
    third = 2 / LN2 / 3
    g, _ = log_series(1 / LN2, third)
    return lambda z: 2 / LN2 / 5 if z < TINY else (g(z) - third) / z, lambda z: z * z


HALF_LN2 = LN2 / 2 * mpf("1.001")
ROOT = mpmath.sqrt(2)
WIDEST = ((ROOT - 1) / (ROOT + 1)) ** 2                     # (m - 1) / (m + 1), squared, for sqrt(1/2) <= m <= sqrt(2)
NARROW = ((mpmath.sqrt(mpf(3) / 2) - 1) / (mpmath.sqrt(mpf(3) / 2) + 1)) ** 2 * mpf("1.001") # with a second base, 3/2
QUARTER = mpf("0.7862") ** 2                                # pi/4, squared
SELF = lambda x: x

# name: (function and weight), degree, interval, bits
FITS = {
    "exp_f32": (exp_tail(mpf(1)), 4, -HALF_LN2, HALF_LN2, 24),
    "exp_f64": (exp_tail(mpf(1)), 10, -HALF_LN2, HALF_LN2, 53),
    "exp_fast_f32": ((lambda r: 1 if abs(r) < TINY else mpmath.expm1(r) / r, lambda r: r / mpmath.exp(r)), 4, -HALF_LN2, HALF_LN2, 24),
    "expm1_fast_f32": ((lambda r: 1 if abs(r) < TINY else mpmath.expm1(r) / r, lambda r: mpf(1)), 5, -HALF_LN2, HALF_LN2, 24),
    "log_fast_f32": (log_tail(), 6, ROOT / 2 - 1, ROOT - 1, 24),
    "exp2_f32": (exp_tail(LN2), 4, -mpf("0.5005"), mpf("0.5005"), 24),
    "exp2_f64": (exp_tail(LN2), 10, -mpf("0.5005"), mpf("0.5005"), 53),
    "log_f32": (log_tail(), 8, ROOT / 2 - 1, ROOT - 1, 24),
    "log_f64": (log_series(mpf(1), mpf(2) / 3), 7, 0, WIDEST, 53),
    "pow_f32": (log_series(1 / LN2, 2 / LN2 / 3), 2, 0, NARROW, 24),
    "pow_f64": (second_series(), 6, 0, NARROW, 53),
    "tanh_f32": (tail(mpmath.tanh, SELF, -mpf(1) / 3), 4, 0, mpf("0.55") ** 2, 24),
    "sinh_f32": (tail(mpmath.sinh, SELF, mpf(1) / 6), 3, 0, 1, 24),
    "sinh_f64": (tail(mpmath.sinh, SELF, mpf(1) / 6), 6, 0, 1, 53),
    "atan_f32": (tail(mpmath.atan, SELF, -mpf(1) / 3), 4, 0, mpf("0.41422") ** 2, 24),
    "atan_f64": (tail(mpmath.atan, SELF, -mpf(1) / 3), 10, 0, mpf("0.41422") ** 2, 53),
    "asin_f32": (tail(mpmath.asin, SELF, mpf(1) / 6), 5, 0, mpf("0.5001") ** 2, 24),
    "asin_f64": (tail(mpmath.asin, SELF, mpf(1) / 6), 12, 0, mpf("0.2501"), 53),
    "sin_f32": (tail(mpmath.sin, SELF, -mpf(1) / 6), 3, 0, QUARTER, 24),
    "sin_f64": (tail(mpmath.sin, SELF, -mpf(1) / 6), 5, 0, QUARTER, 53),
    "cos_f32": (cos_tail(), 2, 0, QUARTER, 24),
    "cos_f64": (cos_tail(), 5, 0, QUARTER, 53),
    "erf_f32": (erf_tail(), 6, 0, 1, 24),
    "erf_f64": (erf_tail(), 12, 0, 1, 53),
    "gelu_f32": (normal_series(), 5, 0, mpf("0.875") ** 2, 24),
    "gelu_outer_f32": (normal_tail(2, 6), 8, 6 / (mpf("14.63") + 2) - 1, 6 / mpf("2.875") - 1, 24),
    "gelu_f64": (normal_series(), 12, 0, mpf("0.97") ** 2, 53),
    "gelu_outer_f64": (normal_tail(4, 10), 20, 10 / (mpf("38.8") + 4) - 1, 10 / mpf("4.875") - 1, 53),
    "erf_outer_f32": ((lambda t: mpmath.log(mpmath.erfc(t)), mpmath.erfc), 6, 1, 4, 24),
    "erf_outer_f64": ((lambda t: mpmath.log(mpmath.erfc(t)), mpmath.erfc), 17, 1, 6, 53),
}

# name: (function and weight), degrees above and below, interval, bits
RATIONAL = {
    "erf_fast_f32": ((lambda z: 1 + erf_tail()[0](z), erf_tail()[1]), 6, 4, 0, mpf("3.925") ** 2, 24),
}

if __name__ == "__main__":
    for name in sys.argv[1:] or list(FITS) + list(RATIONAL):
        if name in RATIONAL:
            (f, weight), above, below, a, b, bits = RATIONAL[name]
            numerator, denominator, worst = rational(f, weight, above, below, a, b, bits)
            show(name + " above", numerator, worst)
            show(name + " below", denominator, worst)
            continue
        (f, weight), degree, a, b, bits = FITS[name]
        show(name, *fit(f, weight, list(range(degree + 1)), a, b, bits))
