import numpy as np
import pytest
from support.params import default_params

from digits.monitoring.drift import describe
from digits.monitoring.expected import check_expectations
from digits.monitoring.live import Observed

PARAMS = default_params().validate_


def observed(images, labels):
    columns = describe(images, np.eye(10)[labels], 0.5, PARAMS.each.model_dump())
    return Observed(columns, labels)


@pytest.fixture(scope="module")
def validation(mnist_sample):
    return observed(mnist_sample.x_train, mnist_sample.y_train)


@pytest.mark.slow
def test_what_is_expected_of_each_image_is_checked_on_few_and_the_average_on_many(mnist_sample, validation):
    few = check_expectations(validation, observed(mnist_sample.x_test[:20], mnist_sample.y_test[:20]), PARAMS)
    many = check_expectations(validation, observed(mnist_sample.x_test, mnist_sample.y_test), PARAMS)
    assert [check.expectation for check in few] == [check.expectation for check in many[:8]]
    assert all(check.success for check in few + many[:8])
    averages = [check.expectation for check in many[8:]]
    assert averages and all(name.startswith("average ") for name in averages)


def test_inverted_images_fail_and_are_counted(mnist_sample, validation):
    images = mnist_sample.x_test[:50].copy()
    images[:7] = 255 - images[:7]
    checks = check_expectations(validation, observed(images, mnist_sample.y_test[:50]), PARAMS)
    failed = {check.expectation: check.unexpected for check in checks if not check.success}
    assert failed["mean ink"] == failed["ink area"] == 7


def test_shares_of_classes_are_expected_of_ten_thousand_images(mnist_sample, validation):
    live = observed(np.repeat(mnist_sample.x_test, 25, axis=0), np.repeat(mnist_sample.y_test, 25))
    (check,) = [one for one in check_expectations(validation, live, PARAMS) if one.table == "served classes"]
    assert check.key == "class" and check.unexpected is not None
