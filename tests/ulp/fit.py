#!/usr/bin/env python3
"""Minimax polynomials for compiler/loop/library.lir: prints the coefficients that stand there. Needs mpmath.

    python3 tests/ulp/fit.py NAME...        # rows of FITS below, by the name of the function they serve

A fit is  sum c[k] * x^powers[k]  against f on [a, b], with the error weighted by `weight` (1/f gives relative error). It is found by Lawson's
iteration: least squares, whose weights grow where the error is large, until the error is level. Unlike an exchange algorithm this doesn't mind
bases that vanish somewhere, and so coefficients can be rounded one after the other, lowest power first, with the rest fitted again around them.
"""
import sys
from mpmath import mp, mpf, matrix, lu_solve, cos, pi
import mpmath

mp.dps = 50


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


def show(name, fixed, worst):
    print("%s: error 2^%.2f" % (name, mpmath.log(worst, 2) if worst else -999))
    for p, c in sorted(fixed.items()):
        print("  x^%-2d %s" % (p, float(c).hex()))
    sys.stdout.flush()
