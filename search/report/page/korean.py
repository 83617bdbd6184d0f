"""The sentences of the page whose shape depends on what they say, in Korean.

No particle stands behind a name, of which nobody knows whether it ends in a vowel.
"""

from typing import Final

from search.comparison.results import Results
from search.report.points import end, points
from search.report.words import (
    FEW_SEARCHES,
    collapsed_by_padding,
    collapsed_unevenly,
    diverged,
    exaggerated,
    payers,
    standing_of,
    unsteady_references,
)
from search.statistics import FEW_GROUPS, score_error
from search.study.leaderboard import EnsembleStanding, Leaderboard
from sentiment.models.baselines import LINEAR
from sentiment.models.registry import NETWORK
from sentiment.reviews.relabel import Relabelled

__all__ = ["against_linear", "counted", "ensemble", "optimism", "remarks", "standing", "warnings", "who_won"]

_STANDING: Final = {
    "improves": "잡음을 넘는 차이입니다",
    "worse": "잡음을 넘어 더 나쁩니다",
    "no difference": "차이가 없고, 선형 모델에는 탐색이 필요 없습니다",
    "alone": "이것만 비교했다면 잡음을 넘지만, 함께 비교한 전체를 고려하면 아닙니다",
    "undecided": "잡음과 구별되지 않으며, 선형 모델에는 탐색이 필요 없습니다",
}


COUNTED: Final = {
    "complete": "완료",
    "pruned": "가지치기",
    "fail": "실패",
    "interrupted": "중단 후 다시 시작",
    "to_begin_again": "중단되어 다시 시작할",
    "running": "진행 중",
    "waiting": "대기",
    "untried": "시도하지 않은(--trials를 늘리면 시도)",
}
"""The word for each state of a trial."""


def standing(board: Leaderboard) -> str:
    """What the best model is worth beside the linear baseline, and what to deploy."""
    best, linear = board.best, board.linear
    if best is None:
        return "아직 완료된 시행이 없습니다."
    if linear is None:
        return "선형 기준 모델을 아직 재지 않았습니다."
    together = isinstance(board.recommended, EnsembleStanding)
    if best == linear:
        if together:
            return (
                f"선형 기준 모델({linear.macro_f1:.4f})보다 나은 시행은 없지만, 여러 시행의 평균은 잡음을 넘어 더 "
                "좋습니다. 그 평균을 배포하세요."
            )
        return (
            f"선형 기준 모델({linear.macro_f1:.4f})보다 나은 것이 없습니다. 선형 모델을 배포하거나 탐색을 계속하세요."
        )
    gain = 100 * (best.macro_f1 - linear.macro_f1)
    side = "낮습니다" if gain <= 0 else "높습니다"
    model = "신경망" if best.family == NETWORK else f"{best.family} 모델"
    why = "더 저렴한" if best.family == NETWORK else "탐색이 필요 없는"
    stands = f"최고의 {model}: 선형 기준 모델({linear.macro_f1:.4f})보다 {abs(gain):.1f}점 {side}."
    if board.against_linear is None:
        noise = 100 * score_error(linear.macro_f1, board.class_sizes)
        advice = " 선형 모델을 배포하거나 탐색을 계속하세요." if gain < 2 * noise else ""
        return (
            f"{stands} 검증 행 {board.rows['validation']:,}개에서 이런 점수의 표준 오차는, 서로 묶인 행이 없다면, 약 "
            f"{noise:.1f}점입니다.{advice} 구간은 없습니다. 보관된 예측의 행이 둘 이상의 그룹에 속하면 `run` 명령이 "
            "끝날 때 그 예측에서 계산합니다."
        )
    mean, low, high = (board.against_linear[name] for name in ("corrected", "low", "high"))
    corrected = f"{stands} 선택 효과를 보정한 차이는 {points(mean)}점입니다(95 % 구간 {_between(low, high)})."
    if together:
        told = "잡음을 넘는 차이이며" if low > 0 else "둘의 차이는 잡음과 구별되지 않지만"
        told = "잡음을 넘어 더 나쁘지만" if high < 0 else told
        than = "더 좋습니다" if low > 0 else "잡음을 넘어 선형 기준 모델보다 좋습니다"
        return f"{corrected} {told}, 여러 시행의 평균은 {than}. 그 평균을 배포하세요."
    if low > 0:
        return f"{corrected} 이 {model}을(를) 배포하세요."
    if high < 0:
        return f"{corrected} 선형 모델을 배포하거나 탐색을 계속하세요."
    return f"{corrected} 둘의 차이는 잡음과 구별되지 않습니다. {why} 선형 모델을 배포하거나 탐색을 계속하세요."


def optimism(board: Leaderboard) -> str:
    """What the best score is worth."""
    sentence = "최고 점수는 여러 시행과 체크포인트 중에서 골라낸 것이므로 실제보다 좋게 보입니다."
    if board.corrected is None:
        return f"{sentence} 새 데이터에서는 조금 낮을 것입니다."
    low, high = board.corrected["low"], board.corrected["high"]
    if board.outdated is not None:
        return (
            f"{sentence} 새 데이터에서는 조금 낮을 것입니다. 선택 효과는 시행 {board.outdated}개가 완료되었을 때 "
            f"보정한 것으로, 그때 최고 시행의 새 데이터 점수는 {board.corrected['corrected']:.4f}입니다(95 % 구간 "
            f"{low:.4f} ~ {high:.4f}). 탐색이 끝나면 다시 계산합니다."
        )
    return (
        f"{sentence} {board.corrected['trials']}개 중에서 고른 효과를 보정하면, 새 데이터에서 이 가중치의 점수는 "
        f"{board.corrected['corrected']:.4f}입니다(95 % 구간 {low:.4f} ~ {high:.4f})."
    )


def counted(board: Leaderboard) -> str:
    """How many trials there are of each kind."""
    parts = [f"{word} {board.counts[state]}개" for state, word in COUNTED.items() if board.counts.get(state)]
    return f"시행: {', '.join(parts) or '없음'}."


def ensemble(found: EnsembleStanding) -> str:
    """What the mean of several trials is worth."""
    leads = [("최고 시행", found.above_best)]
    leads += [] if found.above_linear is None else [("선형 기준 모델", found.above_linear)]
    above = ", ".join(f"{other} 대비 {points(mean)}점({_between(low, high)})" for other, (mean, low, high) in leads)
    if found.pays:
        verdict = "잡음을 넘어 더 좋지만, 그 시행들을 모두 돌려야 하는 값을 치릅니다"
    elif found.is_worse:
        verdict = "더 나쁩니다"
    elif found.above_linear is not None and found.beats_linear:
        verdict = "선형 기준 모델보다는 잡음을 넘어 좋지만, 최고 시행과의 차이는 잡음과 구별되지 않습니다"
    else:
        verdict = f"{'선형 기준 모델' if found.above_best[1] > 0 else '최고 시행'}과의 차이는 잡음과 구별되지 않습니다"
    return f"시행 {found.members}의 평균은 {found.macro_f1:.4f}입니다. 선택 효과를 보정한 차이는 {above}: {verdict}."


def against_linear(found: Results) -> str:
    """What to deploy of what was compared."""
    winner, difference = found.winner, found.winner.against_linear.difference
    kind = "신경망" if found.kind == "network" else "모델"
    chosen = ", ".join(f"'{name}' {count}개" for name, count in winner.chosen.items())
    stands = f"{points(difference.mean)}점({_between(difference.low, difference.high)})"
    return (
        f"배포할 모델: {winner.deploy}. 쌍 {sum(winner.chosen.values())}개에서 다른 쌍들의 검증 점수가 고른 것은 "
        f"{chosen}. 이렇게 고른 {kind}의 봉인된 시험 점수는 {100 * winner.macro_f1:.1f}, 같은 쌍에서 "
        f"{found.linear.name}의 점수는 {100 * (winner.macro_f1 - difference.mean):.1f}입니다. 차이는 "
        f"{stands}이며, {_STANDING[standing_of(winner.against_linear)]}."
    )


def who_won(found: Results) -> str:
    """Who goes by that name among the errors."""
    best, kind = found.winner, "신경망" if found.kind == "network" else "모델"
    chosen = ", ".join(f"'{name}' 쌍 {count}개" for name, count in best.chosen.items())
    advised = "이것은 배포할 모델이 아닙니다. " if best.deploy == LINEAR else ""
    return f"최선 모델: 쌍마다 다른 쌍들의 검증 점수가 고른 {kind}({chosen}). {advised}배포할 모델: {best.deploy}."


def remarks(found: Results) -> list[str]:
    """What was seen beside the verdicts."""
    return [*_exaggerated(found), *_payers(found), *_collapsed(found), *_diverged(found), *_relabelled(found)]


def _exaggerated(found: Results) -> list[str]:
    parts = [f"{name} {points(seen)}점 중 남는 것은 아마 {points(left)}점" for name, seen, left in exaggerated(found)]
    return [f"더 작았다면 발견되지 않았을 차이이므로 실제보다 커 보입니다: {'; '.join(parts)}."] if parts else []


def _payers(found: Results) -> list[str]:
    parts = [f"{idea}, '{name}' {points(mean)}점" for idea, name, mean in payers(found)]
    return [f"향상의 대가를 치르는 클래스: {'; '.join(parts)}."] if parts else []


def _collapsed(found: Results) -> list[str]:
    words_of = {"as_written": "패딩을 글에 적힌 그대로 둔 경우", "masked": "패딩을 가린 경우"}
    sentences = []
    for padding, optimizers in collapsed_by_padding(found).items():
        parts = (f"{name} {trainings}회 중 {collapsed}회" for name, (collapsed, trainings) in optimizers.items())
        sentences.append(f"{words_of[padding]} {', '.join(parts)}")
    made = [f"한 클래스로만 답하게 된 학습: {'; '.join(sentences)}."] if sentences else []
    if uneven := collapsed_unevenly(found):
        made.append(
            f"학습의 전부가 아니라 일부만 붕괴한 것: {'; '.join(uneven)}. 여기서는 적은 쌍에서 나온 구간이 너무 "
            "좁으므로, 붕괴한 학습의 비율을 함께 보세요."
        )
    if unsteady := [f"{one.name} {one.trainings}회 중 {one.collapsed}회" for one in unsteady_references(found)]:
        made.append(
            f"다른 것의 비교 대상이 일부 학습에서 붕괴했습니다({'; '.join(unsteady)}). 얼마나 자주 붕괴하는지가 "
            "그 대상과의 모든 차이에 들어 있으며, 적은 쌍으로는 그것을 거의 알 수 없습니다."
        )
    return made


def _diverged(found: Results) -> list[str]:
    named = [f"{score.name} {score.trainings}회 중 {score.diverged}회" for score in diverged(found)]
    if not named:
        return []
    return [
        f"손실이나 가중치가 한계를 벗어나 발산한 학습: {'; '.join(named)}. 그 전의 가장 좋은 체크포인트로 계산하며, "
        "없으면 아무 정보도 주지 않는 모델로 계산합니다."
    ]


def _relabelled(found: Results) -> list[str]:
    return [*dict.fromkeys(_agreement(relabelled) for _, relabelled in found.relabelled)] + [
        f"{idea.name}: 같은 방식으로 레이블을 바꾼 행에서는 {100 * idea.circular_macro_f1:.1f}점으로 보이지만(순환 "
        f"논리), 원래 레이블에서는 {100 * idea.score.macro_f1:.1f}점입니다."
        for idea in found.ideas
        if idea.circular_macro_f1 is not None
    ]


def _agreement(found: Relabelled) -> str:
    per_class = ", ".join(f"{name} {share:.0%}" for name, share in found.recall.items())
    return (
        f"{found.source}: 학습 행의 {found.accuracy:.1%}에서 원래 레이블과 일치하고(카파 {found.kappa:.2f}; "
        f"{per_class}), 본문의 {found.coverage:.1%}에서 아는 낱말이 하나 이상 있습니다."
    )


def warnings(found: Results) -> list[str]:
    """What the numbers do not say of themselves."""
    kind = "신경망" if found.kind == "network" else "모델"
    sentences = [
        f"이 모든 것은 행 {found.rows['train']:,}개로 학습한 {kind}에 대한 말입니다. 행이 늘면 모두 좋아지지만 똑같이 "
        "좋아지지는 않습니다. 적은 데이터에 아이디어가 보태 주는 것을, 데이터가 스스로 가져올 수도 있습니다."
    ]
    if found.groups is not None and found.groups < FEW_GROUPS:
        sentences.append(
            f"봉인된 행의 그룹은 {found.groups}개로 적습니다. 그만큼 구간이 넓고, 그룹들이 서로 비슷하다는 가정에 "
            "기댑니다. 행이나 쌍보다 그룹을 늘리는 편이 낫습니다."
        )
    if found.draws is not None and 2 * found.draws <= found.looks[-1]:
        sentences.append(
            f"쌍 {found.looks[-1]}개에서 학습 행을 뽑은 방법은 {found.draws}가지뿐입니다. 다른 학습 행이었다면 "
            "어땠을지는 구간에 거의 들어 있지 않습니다."
        )
    if found.searches == 1:
        sentences.append(
            "각 아이디어는 한 번만 조정했습니다. 구간은 찾아낸 설정에 대한 것이며, 다른 탐색이 찾았을 설정에 대한 "
            "것이 아닙니다([budget] searches)."
        )
    elif found.searches < FEW_SEARCHES:
        sentences.append(f"탐색 {found.searches}번은 적습니다. 탐색끼리 얼마나 다른지 거의 알 수 없어 구간이 넓습니다.")
    return sentences


def _between(low: float, high: float) -> str:
    return f"{end(low)} ~ {end(high)}"
